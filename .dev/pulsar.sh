# shellcheck shell=bash
# Apache Pulsar de un solo nodo, traído de Maven Central, y su cliente de Python.
# Lo que lo configura está en .dev/pulsar/. Para una prueba, además: AEROALPES_PULSAR_CONF, un archivo con más
# líneas, y AEROALPES_PULSAR_FICHA, con qué preguntarle si está listo cuando esas líneas piden una ficha.

readonly PULSAR_VERSION=4.0.7
readonly PULSAR_CARPETA=pulsar-$PULSAR_VERSION
readonly PULSAR_FUENTES=$RAIZ/.dev/pulsar

readonly CLIENTE_PYTHON_VERSION=3.13.0
readonly FASTAVRO_VERSION=1.13.1
readonly AIOSMTPD_VERSION=1.4.6 # el servidor SMTP de tests/correo
readonly PYTHON_CARPETA=pulsar-client-$CLIENTE_PYTHON_VERSION-fastavro-$FASTAVRO_VERSION-aiosmtpd-$AIOSMTPD_VERSION

readonly PULSAR_JVM=(
  -Xms128m -Xmx512m -XX:MaxDirectMemorySize=512m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError -XX:-UsePerfData
  -Dio.netty.tryReflectionSetAccessible=true
  "-Dlog4j2.configurationFile=$PULSAR_FUENTES/log4j2.properties"
  "-Djava.util.logging.config.file=/dev/null" # por ahí solo llegan avisos de piezas que no se usan
  --add-opens java.base/sun.net=ALL-UNNAMED
  --add-opens java.base/java.io=ALL-UNNAMED
  --add-opens java.base/java.lang=ALL-UNNAMED
  --add-opens java.base/java.nio=ALL-UNNAMED
  --add-opens java.base/java.util.zip=ALL-UNNAMED
  --add-opens java.base/jdk.internal.misc=ALL-UNNAMED
  --add-opens java.base/jdk.internal.platform=ALL-UNNAMED
  --add-opens java.management/sun.management=ALL-UNNAMED
  --add-opens jdk.management/com.sun.management.internal=ALL-UNNAMED
)

# --- Lo que se descarga una vez ---

# Un JDK 17 o posterior: con compilador, pues Arranque.java se ejecuta desde su fuente.
buscar_java() {
  local java
  for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java)" /usr/lib/jvm/*/bin/java; do
    [[ -x $java ]] || continue
    [[ $("$java" --list-modules 2>/dev/null) =~ (^|$'\n')jdk\.compiler@(1[7-9]|[2-9][0-9]) ]] || continue
    printf '%s' "$java"
    return
  done
  return 1
}

pulsar_valido() { [[ -f $1/lib/pulsar-broker-$PULSAR_VERSION.jar ]]; }

pulsar_descargar() {
  decir "se descarga Apache Pulsar $PULSAR_VERSION (unos 235 MB, una sola vez)…"
  cat >"$1/pom.xml" <<FIN
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>aeroalpes</groupId>
  <artifactId>pulsar</artifactId>
  <version>$PULSAR_VERSION</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.pulsar</groupId>
      <artifactId>pulsar-broker</artifactId>
      <version>$PULSAR_VERSION</version>
    </dependency>
  </dependencies>
</project>
FIN
  timeout --foreground "$PLAZO_DESCARGA" mvn -B -q -ntp -Dstyle.color=never -f "$1/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$1/lib" -DincludeScope=runtime </dev/null
}

# También deja de valer si el Python con que se hizo ya no está.
python_valido() { "$1/bin/python" -c 'import aiosmtpd, fastavro, pulsar' 2>/dev/null; }

python_descargar() {
  venv_crear "$1" "pulsar-client $CLIENTE_PYTHON_VERSION y aiosmtpd $AIOSMTPD_VERSION para Python" \
    "pulsar-client[avro]==$CLIENTE_PYTHON_VERSION" "fastavro==$FASTAVRO_VERSION" "aiosmtpd==$AIOSMTPD_VERSION"
}

python_preparar() { cache_asegurar "$PYTHON_CARPETA" python_valido python_descargar; }

python_de_pulsar() { printf '%s/%s/bin/python' "$(carpeta_cache)" "$PYTHON_CARPETA"; }

# --- El servicio ---

pulsar_preparar() { cache_asegurar "$PULSAR_CARPETA" pulsar_valido pulsar_descargar; }

# El del protocolo, el de administración y el de sus metadatos.
pulsar_puertos() {
  local protocolo admin metadatos
  case $1 in
    trabajo)
      protocolo=$(puerto_para_servicios AEROALPES_PULSAR_PUERTO "${AEROALPES_PULSAR_PUERTO:-6650}") || return 1
      admin=$(puerto_para_servicios AEROALPES_PULSAR_ADMIN "${AEROALPES_PULSAR_ADMIN:-8080}" "$protocolo") || return 1
      ;;
    pruebas)
      protocolo=$(puerto_para_pruebas) || return 1
      admin=$(puerto_para_pruebas "$protocolo") || return 1
      ;;
  esac
  metadatos=$(puerto_para_pruebas "$protocolo" "$admin") || return 1
  printf '%s %s %s' "$protocolo" "$admin" "$metadatos"
}

# El de BookKeeper queda escrito en los datos (cada mensaje dice en qué dirección está): se elige
# una sola vez, con los datos nuevos.
pulsar_puerto_bookkeeper() {
  local datos=$1 puerto
  shift
  if [[ ! -s $datos/puerto-bookkeeper ]]; then
    puerto=$(puerto_para_pruebas "$@") || return 1
    printf '%s\n' "$puerto" >"$datos/puerto-bookkeeper" || return 1
  fi
  puerto=$(<"$datos/puerto-bookkeeper")
  puerto_libre "$puerto" || {
    decir "el puerto $puerto está ocupado, y los datos de Pulsar en $datos lo necesitan: libérelo."
    return 1
  }
  printf '%s' "$puerto"
}

pulsar_lanzar() {
  local estado=$1 datos=$2/pulsar protocolo=$3 admin=$4 metadatos=$5 java bookkeeper
  java=$(buscar_java) || { decir 'no hay un JDK 17 o posterior (JAVA_HOME, PATH, /usr/lib/jvm)' && return 1; }
  (umask 077 && mkdir -p -- "$datos") || return 1
  # Lo tiene tomado el propio Pulsar mientras vive: dos sobre los mismos datos los romperían.
  flock -n "$datos/candado" true || { decir "otro Pulsar está usando los datos de $datos" && return 1; }
  rm -rf -- "$datos/tmp" && mkdir -p -- "$datos/tmp" "$datos/zookeeper" || return 1 # en tmp deja bibliotecas nativas
  bookkeeper=$(pulsar_puerto_bookkeeper "$datos" "$protocolo" "$admin" "$metadatos") || return 1
  {
    cat -- "$PULSAR_FUENTES/standalone.conf" ${AEROALPES_PULSAR_CONF:+"$AEROALPES_PULSAR_CONF"}
    printf 'brokerServicePort=%s\nwebServicePort=%s\n' "$protocolo" "$admin"
  } >"$estado/pulsar.conf" || return 1
  proceso_arrancar "$estado/pulsar" env -u PULSAR_STANDALONE_USE_ZOOKEEPER flock -n -F "$datos/candado" \
    "$java" "${PULSAR_JVM[@]}" "-Djava.io.tmpdir=$datos/tmp" -cp "$(carpeta_cache)/$PULSAR_CARPETA/lib/*" \
    "$PULSAR_FUENTES/Arranque.java" "$datos/zookeeper" "$metadatos" \
    -c "$estado/pulsar.conf" -a 127.0.0.1 --no-functions-worker --no-stream-storage \
    --metadata-url "zk:127.0.0.1:$metadatos" --bookkeeper-dir "$datos/bookkeeper" --bookkeeper-port "$bookkeeper"
}

# La salud contesta antes de que exista public/default: hacen falta las dos cosas.
pulsar_listo() {
  local espacios ficha=${AEROALPES_PULSAR_FICHA:-}
  local cabecera=${ficha:+Authorization: Bearer $ficha}
  http_leer "$1" /admin/v2/brokers/health "$cabecera" >/dev/null &&
    espacios=$(http_leer "$1" /admin/v2/namespaces/public "$cabecera") && [[ $espacios == *'"public/default"'* ]]
}

pulsar_esperar() {
  local estado=$1
  proceso_esperar "$estado/pulsar" pulsar_listo "$(pulsar_clave "$estado" webServicePort)" || {
    decir 'Pulsar no está arriba'
    return 1
  }
  printf "export PULSAR_URL='pulsar://127.0.0.1:%s'\n" "$(pulsar_clave "$estado" brokerServicePort)" >>"$estado/pulsar.salida"
  decir "Pulsar arriba en $(pulsar_direccion "$estado")"
}

pulsar_lineas() { proceso_linea "$1/pulsar" 'export PULSAR_URL='; }

pulsar_admin() { printf 'http://127.0.0.1:%s' "$(pulsar_clave "$1" webServicePort)"; }

pulsar_clave() { sed -n "s/^$2=//p" "$1/pulsar.conf"; }

pulsar_direccion() {
  printf '127.0.0.1:%s (administración en 127.0.0.1:%s)' \
    "$(pulsar_clave "$1" brokerServicePort)" "$(pulsar_clave "$1" webServicePort)"
}
