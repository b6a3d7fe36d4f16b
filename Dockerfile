# Construcción y ejecución de AeroAlpes. `docker compose up` la usa; a mano: docker build -t aeroalpes .

FROM rust:1.95-bookworm AS construccion
# protoc compila el protocolo de Pulsar.
RUN apt-get update && apt-get install -y --no-install-recommends protobuf-compiler && rm -rf /var/lib/apt/lists/*
WORKDIR /aeroalpes
# Las dependencias, en una capa propia, con un programa vacío: sólo se recompilan si cambian sus versiones. Es una capa
# y no una caché montada (`--mount=type=cache`) porque las capas se guardan también en la integración continua.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN mkdir src && : > src/lib.rs && echo 'fn main() {}' > src/main.rs && cargo build --release --locked
COPY migrations migrations
COPY src src
# El `touch`, porque cargo compara fechas: las fuentes copiadas conservan la suya, y si es anterior a la del programa
# vacío se quedaría con él.
RUN touch src/lib.rs src/main.rs && cargo build --release --locked

# Sin PostgreSQL dentro: la imagen espera DATABASE_URL.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin aeroalpes \
    && install -d -m 0750 -o aeroalpes -g aeroalpes /var/lib/aeroalpes
COPY --from=construccion /aeroalpes/target/release/aeroalpes /usr/local/bin/aeroalpes
USER 10001:10001
WORKDIR /var/lib/aeroalpes
# Escucha en la red del contenedor, así que hay que decir el modo: AEROALPES_MODO=cerrado, o AEROALPES_ABIERTO_EN_RED=si
# si el puerto sólo se publica donde se confía en todos (docker-compose.yml lo publica en 127.0.0.1).
ENV AEROALPES_ESCUCHA=0.0.0.0:5000 \
    AEROALPES_DATOS=/var/lib/aeroalpes
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=6 CMD ["aeroalpes", "salud"]
ENTRYPOINT ["aeroalpes"]
CMD ["servir"]
