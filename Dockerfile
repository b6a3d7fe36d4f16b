# Construcción y ejecución de AeroAlpes. `docker compose up` la usa; a mano: docker build -t aeroalpes .

FROM rust:1.95-bookworm AS construccion
# protoc compila el protocolo de Pulsar.
RUN apt-get update && apt-get install -y --no-install-recommends protobuf-compiler && rm -rf /var/lib/apt/lists/*
WORKDIR /aeroalpes
COPY . .
# Las dependencias quedan compiladas en la caché de `target`, aparte de las fuentes: cambiar una
# línea solo recompila este paquete. El `touch` lo asegura, pues cargo compara fechas y la caché
# puede ser más nueva que un archivo recién copiado (y así se ve también una migración nueva).
RUN --mount=type=cache,id=aeroalpes-registro,target=/usr/local/cargo/registry \
    --mount=type=cache,id=aeroalpes-target,target=/aeroalpes/target,sharing=locked \
    touch src/lib.rs src/main.rs \
    && cargo build --release --locked \
    && install -D target/release/aeroalpes /salida/aeroalpes

# Sin PostgreSQL dentro: la imagen espera DATABASE_URL.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin aeroalpes \
    && install -d -m 0750 -o aeroalpes -g aeroalpes /var/lib/aeroalpes
COPY --from=construccion /salida/aeroalpes /usr/local/bin/aeroalpes
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
