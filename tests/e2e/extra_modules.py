"""Organisations with more modules than the simulator has by itself."""

import json
import os
import tempfile


def flags_for(test, modules):
    """The simulator's flags that add these modules."""
    handle, name = tempfile.mkstemp(prefix="zohosyncd-modules-", suffix=".json")
    with os.fdopen(handle, "w") as file:
        json.dump(modules, file)
    test.addCleanup(os.unlink, name)
    return ["--modules", name]


def field(name, data_type="text", **said):
    return {"api_name": name, "data_type": data_type, **said}


def wide_fields(count):
    """Fields of several types, more than one list call takes."""
    types = ["text", "integer", "currency", "date", "datetime", "boolean", "picklist", "lookup"]
    return [field("Field_%03d" % i, types[i % len(types)]) for i in range(count)]
