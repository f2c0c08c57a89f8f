# The image of the one binary. Built from a clone: docker build -t awaitd .
FROM rust:1-slim-bookworm AS build
# More than the default: otlp, for traces.
ARG FEATURES=
WORKDIR /src
# Every member of the workspace has to be there for cargo to read it; only the binary is built.
COPY Cargo.toml Cargo.lock openapi.yaml ./
COPY crates crates
COPY tests tests
COPY xtask xtask
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package awaitd --features "${FEATURES}" \
    && strip --strip-debug -o /usr/local/bin/awaitd target/release/awaitd
# The folder for all that is to survive: made here, as there is no shell later on.
RUN mkdir -p /kept/data

# The C library, certificates of the public authorities, and nothing that could be run: no shell, no
# package manager. Its user `nonroot` is 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="awaitd" \
      org.opencontainers.image.description="Queues, events and locks to await over HTTP" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/awaitd/
COPY --from=build /usr/local/bin/awaitd /usr/local/bin/awaitd
# A volume that is mounted on it for the first time takes its owner over; a folder of the host's must be
# writable by 65532. Nothing else is written to: the root may be read-only.
COPY --from=build --chown=65532:65532 /kept/data /data
ENV AWAITD_DATA_DIR=/data
VOLUME /data
# Inside a container, loopback would be heard by nobody. Beyond loopback awaitd does not start without
# tokens, which it looks for in /data/tokens or where AWAITD_TOKENS says; to try it out without any, say
# AWAITD_ALLOW_ANONYMOUS=true, and publish the port to 127.0.0.1 alone: whoever can connect may do everything.
ENV AWAITD_LISTEN=0.0.0.0:29248
EXPOSE 29248
USER 65532:65532
# All who wait are answered, what is in flight is finished, and the journal is closed.
STOPSIGNAL SIGTERM
# A start reads the journal first, and every gigabyte of it takes its time. Behind TLS, AWAITD_URL has to say
# https:// and where.
HEALTHCHECK --interval=5s --timeout=5s --start-period=5m CMD ["awaitd", "health"]
ENTRYPOINT ["awaitd"]
CMD ["serve"]
