# The image of the one binary. Built from a clone: docker build -t awaitd .
FROM rust:1-slim-bookworm AS build
WORKDIR /src
# Every member of the workspace has to be there for cargo to read it; only the binary is built.
COPY Cargo.toml Cargo.lock openapi.yaml ./
COPY crates crates
COPY tests tests
COPY xtask xtask
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package awaitd \
    && cp target/release/awaitd /usr/local/bin/awaitd

FROM debian:bookworm-slim
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/awaitd/
COPY --from=build /usr/local/bin/awaitd /usr/local/bin/awaitd
# All that is to survive is here. A volume that is mounted on it for the first time takes its owner over; a
# folder of the host's must be writable by 65534.
RUN install -d -o 65534 -g 65534 -m 700 /data
ENV AWAITD_DATA_DIR=/data
VOLUME /data
# Inside a container, loopback would be heard by nobody. Publish the port with care: there is no
# authentication yet.
ENV AWAITD_LISTEN=0.0.0.0:29248
EXPOSE 29248
USER 65534:65534
# awaitd ends well and closes its journal on SIGTERM, which is what `docker stop` sends.
ENTRYPOINT ["awaitd"]
CMD ["serve"]
