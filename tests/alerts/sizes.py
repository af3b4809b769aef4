"""How long a scenario is recorded."""

STEP = 15  # Seconds between two scrapes.
CALM = 12  # Scrapes before the fault.
SCRAPES = 68
