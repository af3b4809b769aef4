# docker build -t zohosyncd .
# docker run --read-only --cap-drop ALL --security-opt no-new-privileges -v zohosyncd-state:/var/lib/zohosyncd \
#   -v ./replication.yaml:/etc/zohosyncd/replication.yaml:ro -v ./env.yaml:/etc/zohosyncd/env.yaml:ro zohosyncd
#
# env.yaml has to be readable by uid 65532. Connections may come as environment variables instead; compose.yaml does so.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY scripts/packages scripts/packages
RUN scripts/packages
COPY . .
RUN cmake --preset release -DZOHOSYNCD_TESTS=OFF \
 && cmake --build --preset release --target zohosyncd packaging
# The Debian package's list of dependencies is what the image needs, too, but for those of a system with services.
RUN (cd build/release && cpack -G DEB -B /package) \
 && dpkg-deb -f /package/*.deb Depends | tr ',' '\n' | sed 's/^ *\([^ ]*\).*/\1/' \
    | grep -vx -e systemd -e procps >/package/runtime-packages \
 && dpkg-deb -x /package/*.deb /package/root

# A Zoho to try it out with: docker build --target simulator, see compose.yaml.
FROM build AS simulator
RUN cmake --preset release -DZOHOSYNCD_TESTS=ON \
 && cmake --build --preset release --target zoho_simulator
USER 65532:65532
ENTRYPOINT ["/src/build/release/tests/simulator/zoho_simulator"]
CMD ["--port", "8080"]

FROM debian:bookworm-slim
COPY --from=build /package/runtime-packages /usr/share/doc/zohosyncd/runtime-packages
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(cat /usr/share/doc/zohosyncd/runtime-packages) \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* \
 && groupadd --gid 65532 zohosyncd \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /var/lib/zohosyncd --shell /usr/sbin/nologin zohosyncd \
 && install -d -o zohosyncd -g zohosyncd -m 0750 /var/lib/zohosyncd
COPY --from=build /package/root/usr/bin/zohosyncd /usr/bin/zohosyncd
COPY --from=build /package/root/usr/share/doc/zohosyncd /usr/share/doc/zohosyncd
COPY LICENSE /usr/share/doc/zohosyncd/LICENSE

LABEL org.opencontainers.image.title="zohosyncd" \
      org.opencontainers.image.description="Keeps a PostgreSQL database or a SQLite file equal to a Zoho CRM organisation" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
# The access token between restarts, and the folder where a relative SQLite path begins.
ENV STATE_DIRECTORY=/var/lib/zohosyncd
WORKDIR /var/lib/zohosyncd
VOLUME /var/lib/zohosyncd
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["/usr/bin/zohosyncd", "--healthcheck"]
# The program takes SIGTERM as process 1, has no children, and leaves within 5 seconds.
ENTRYPOINT ["/usr/bin/zohosyncd"]
CMD ["run"]
