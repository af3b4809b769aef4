# docker build -t zohosyncd .
# docker run --read-only -v zohosyncd-state:/var/lib/zohosyncd \
#   -v ./replication.yaml:/etc/zohosyncd/replication.yaml:ro -v ./env.yaml:/etc/zohosyncd/env.yaml:ro zohosyncd
#
# env.yaml has to be readable by uid 65532. Connections may come as environment variables instead.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY scripts/packages scripts/packages
RUN scripts/packages
COPY . .
RUN cmake --preset release -DZOHOSYNCD_TESTS=OFF \
 && cmake --build --preset release --target zohosyncd \
 && cmake --install build/release --prefix /usr --strip

FROM debian:bookworm-slim
# The libraries that the program is linked with, Zoho's certificate authorities, and time zones for CRON_TZ.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    ca-certificates libcpp-httplib0.11 libcurl4 libdate-tz3 libfmt9 libpq5 libpqxx-6.4 libprometheus-cpp-core1.0 libsimdjson14 libspdlog1.10 libsqlite3-0 libssl3 \
    libyaml-cpp0.7 tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 65532 zohosyncd \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /var/lib/zohosyncd --shell /usr/sbin/nologin zohosyncd \
 && install -d -o zohosyncd -g zohosyncd -m 0750 /var/lib/zohosyncd
COPY --from=build /usr/bin/zohosyncd /usr/bin/zohosyncd
COPY LICENSE /usr/share/doc/zohosyncd/LICENSE

USER 65532:65532
# The access token between restarts, and the directory where a relative SQLite path begins.
ENV STATE_DIRECTORY=/var/lib/zohosyncd
WORKDIR /var/lib/zohosyncd
VOLUME /var/lib/zohosyncd
# The program takes SIGTERM as process 1 and leaves within 5 seconds.
ENTRYPOINT ["/usr/bin/zohosyncd"]
CMD ["run"]
