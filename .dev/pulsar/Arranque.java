import java.io.File;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import org.apache.pulsar.PulsarStandaloneStarter;
import org.apache.zookeeper.server.NIOServerCnxnFactory;
import org.apache.zookeeper.server.PurgeTxnLog;
import org.apache.zookeeper.server.ZooKeeperServer;

/**
 * Pulsar y el ZooKeeper de sus metadatos en un solo proceso: CARPETA PUERTO [argumentos de Pulsar…].
 *
 * <p>El modo de fábrica no sirve por dos razones: con sus metadatos en RocksDB, tras un kill -9 a veces
 * no vuelve; y el ZooKeeper que sabe arrancar por sí mismo atiende a toda la red.
 */
public class Arranque {
    public static void main(String[] args) throws Exception {
        var carpeta = new File(args[0]);
        var puerto = Integer.parseInt(args[1]);
        PurgeTxnLog.purge(carpeta, carpeta, 3);

        var zookeeper = new ZooKeeperServer(carpeta, carpeta, ZooKeeperServer.DEFAULT_TICK_TIME);
        var red = new NIOServerCnxnFactory();
        red.configure(new InetSocketAddress("127.0.0.1", puerto), 1000);
        red.startup(zookeeper);

        // Su único cliente es este proceso: las sesiones que encuentra son de uno que murió sin cerrarlas,
        // y lo que dejaron tomado impediría arrancar hasta que caduquen.
        for (long sesion : new ArrayList<>(zookeeper.getZKDatabase().getSessions())) {
            zookeeper.closeSession(sesion);
        }
        while (!zookeeper.getZKDatabase().getSessions().isEmpty()) {
            Thread.sleep(10);
        }

        PulsarStandaloneStarter.main(Arrays.copyOfRange(args, 2, args.length));
    }
}
