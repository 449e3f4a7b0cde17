//! The real program on a port of its own, seeded, and what stories need to talk to it over the network.

use std::net::SocketAddr;
use std::time::Duration;

use madoguchi::app::{self, World};
use madoguchi::config::Config;
use madoguchi::desk::settings::DeskSettings;
use madoguchi::kernel::db::Db;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::TestDb;
use super::client::Person;
use super::seed::{self, Seed};

/// What a story waits for must happen within this time, however slow the machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running program. Stories on both databases: see [`crate::on_both_servers!`].
pub struct TestServer {
    pub address: SocketAddr,
    /// The store, for looking behind the scenes. Its bus is not the program's: write through the network.
    pub db: Db,
    pub seed: Seed,
    world: World,
    variables: Vec<(String, String)>,
    running: Option<Running>,
    test_db: Option<TestDb>,
    data: tempfile::TempDir,
}

struct Running {
    stop: oneshot::Sender<()>,
    program: JoinHandle<anyhow::Result<()>>,
}

/// How a story wants its server.
pub struct Options {
    pub world: World,
    pub desk: DeskSettings,
    /// Settings as environment variables: `("MADOGUCHI_HTTP__PUBLIC_URL", "https://…")`.
    pub variables: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { world: World::system(), desk: DeskSettings::default(), variables: Vec::new() }
    }
}

impl TestServer {
    /// On `test_db`, which must be empty.
    pub async fn start(test_db: TestDb, options: Options) -> Self {
        let seed = seed::fill_with(&test_db.db, options.desk).await;
        let data = tempfile::tempdir().expect("a folder for the data");
        let mut variables = vec![
            ("MADOGUCHI_DATA__DIR".to_owned(), data.path().display().to_string()),
            ("MADOGUCHI_DATA__DATABASE_URL".to_owned(), test_db.url.clone()),
            // One telephone for the machine: a story that calls says where.
            ("MADOGUCHI_PHONE__LISTEN".to_owned(), String::new()),
        ];
        variables.extend(options.variables);
        let mut server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            db: test_db.db.clone(),
            seed,
            world: options.world,
            variables,
            running: None,
            test_db: Some(test_db),
            data,
        };
        server.run().await;
        server
    }

    async fn run(&mut self) {
        let config = Config::load(None, self.variables.iter().cloned()).expect("the settings are right");
        let listener = TcpListener::bind(self.address).await.expect("a port");
        self.address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let asked = async move {
            let _ = stopped.await;
        };
        let program = tokio::spawn(app::run(config, self.world.clone(), listener, asked));
        self.running = Some(Running { stop, program });
    }

    /// Where the program keeps its files.
    pub fn data_dir(&self) -> &std::path::Path {
        self.data.path()
    }

    /// Somebody who has not signed in.
    pub fn anon(&self) -> Person {
        Person::new(self.address)
    }

    /// Signs `login` in over HTTP, second factor and all. Each call is a browser of its own.
    pub async fn sign_in(&self, login: &str) -> Person {
        let mut person = self.anon();
        person.sign_in(login, seed::PASSWORD).await;
        person
    }

    /// The agent number `n` of the seed.
    pub async fn agent(&self, n: usize) -> Person {
        self.sign_in(seed::AGENTS[n]).await
    }

    pub async fn supervisor(&self) -> Person {
        self.sign_in("shiori").await
    }

    pub async fn administrator(&self) -> Person {
        self.sign_in("anri").await
    }

    pub async fn officer(&self) -> Person {
        self.sign_in("osamu").await
    }

    /// Stops the program as SIGTERM does and waits until it has ended.
    pub async fn stop(&mut self) {
        let Some(Running { stop, program }) = self.running.take() else { return };
        let _ = stop.send(());
        tokio::time::timeout(PATIENCE, program)
            .await
            .expect("the program stops in time")
            .expect("the program does not panic")
            .expect("the program ends well");
    }

    /// Stops it and starts it again on the same data and port.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.run().await;
    }

    /// Stops it and removes its data.
    pub async fn finish(mut self) {
        self.stop().await;
        if let Some(test_db) = self.test_db.take() {
            test_db.finish().await;
        }
    }
}

/// Runs `story` on a server of its own and stops it, also after a failure.
pub async fn with_server<F>(test_db: TestDb, story: F)
where
    F: AsyncFnOnce(&mut TestServer),
{
    with_server_as(test_db, Options::default(), story).await;
}

/// Like [`with_server`], with a server as the story wants it.
pub async fn with_server_as<F>(test_db: TestDb, options: Options, story: F)
where
    F: AsyncFnOnce(&mut TestServer),
{
    use futures_util::FutureExt as _;
    let mut server = TestServer::start(test_db, options).await;
    let outcome = std::panic::AssertUnwindSafe(story(&mut server)).catch_unwind().await;
    if let Err(panic) = outcome {
        if let Some(running) = &server.running {
            running.program.abort();
        }
        std::panic::resume_unwind(panic);
    }
    server.finish().await;
}

/// Makes two tests of one story, `NAME::sqlite` and `NAME::postgres`, each on a running program.
///
/// ```ignore
/// on_both_servers! {
///     async fn somebody_signs_in(server: &mut TestServer) { … }
/// }
/// ```
#[macro_export]
macro_rules! on_both_servers {
    ($($(#[$meta:meta])* async fn $name:ident($server:ident: &mut TestServer) $body:block)*) => {$(
        $(#[$meta])*
        async fn $name($server: &mut $crate::support::server::TestServer) $body

        // A module may bear the name of a function: they live in different namespaces.
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let test_db = $crate::support::TestDb::sqlite().await;
                $crate::support::server::with_server(test_db, super::$name).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(test_db) = $crate::support::TestDb::postgres().await {
                    $crate::support::server::with_server(test_db, super::$name).await;
                }
            }
        }
    )*};
}
