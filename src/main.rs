//! Start here: arguments → config → log → world → terminal → loop.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use color_eyre::eyre::Result;

use qdeck::app::{App, Settings};
use qdeck::cli::{self, Arguments, Verb};
use qdeck::config::{Config, LiveTail};
use qdeck::model::Source;
use qdeck::protocol::KeyMap;
use qdeck::remote::audit::Audit;
use qdeck::remote::demo::{Demo, DemoSettings};
use qdeck::remote::guard::{Guard, Policy};
use qdeck::remote::live::Live;
use qdeck::runtime::{self, Screen};

/// The longest that quitting takes.
const CLEARING: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    // ssh runs us to ask its user something.
    if let Some(code) = qdeck::remote::ssh::askpass_main() {
        return code;
    }
    let arguments = Arguments::parse();
    if let Some(Verb::Supervise { dir }) = &arguments.command {
        return qdeck::remote::runner::supervise(dir);
    }
    match start(&arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "qdeck: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<ExitCode> {
    let mut config = Config::load(arguments.config.as_deref())?;
    if let Some(profile) = &arguments.profile {
        config.aws.profiles = vec![profile.clone()];
    }
    if let Some(region) = &arguments.region {
        config.aws.regions = vec![region.clone()];
    }
    write_log();
    let demo = match &arguments.command {
        Some(Verb::Demo { jobs, nodes, seed }) => Some(Demo::start(DemoSettings { seed: *seed, jobs: *jobs, nodes: *nodes })),
        _ => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let code = match &arguments.command {
        None | Some(Verb::Demo { .. }) => application(arguments, config, demo, &runtime)?,
        Some(verb) => runtime.block_on(async {
            let (world, sources) = world(arguments, &config, None);
            tokio::select! {
                code = cli::command(arguments, verb, &config, Arc::new(world), &sources) => code,
                // What was started elsewhere goes on; what is half fetched can be resumed.
                signal = runtime::asked_to_end() => ExitCode::from(128 + signal),
            }
        }),
    };
    // Sockets and half-written files go with their tasks. Whatever hangs is left behind.
    runtime.shutdown_timeout(CLEARING);
    Ok(code)
}

/// The world behind its guard, and where clusters can be found in it.
fn world(arguments: &Arguments, config: &Config, demo: Option<Demo>) -> (Guard, Vec<Source>) {
    let live = Live::new(config.clone(), demo);
    let sources = live.sources();
    let policy = Policy::new(config, arguments.read_only);
    (Guard::new(Arc::new(live), policy, Audit::at(Audit::default_path())), sources)
}

fn application(arguments: &Arguments, config: Config, demo: Option<Demo>, runtime: &tokio::runtime::Runtime) -> Result<ExitCode> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        let _ = writeln!(std::io::stderr(), "qdeck: the application needs a terminal; `qdeck --help` lists what works without one");
        return Ok(ExitCode::from(2));
    }
    let is_demo = demo.is_some();
    let keys = KeyMap::with(&config.keys).map_err(|error| color_eyre::eyre::eyre!(error))?;
    let theme = config.theme(std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()));
    let folder = std::env::current_dir().map_or_else(|_| "/".to_owned(), |path| path.display().to_string());
    // The terminal comes first: the first frame waits for nobody.
    let mut screen = Screen::open()?;
    let _guard = runtime.enter();
    let (world, sources) = world(arguments, &config, demo);
    let settings = Settings {
        sources,
        cluster: arguments.cluster.clone().or_else(|| is_demo.then(|| "prod".to_owned())),
        read_only: config.read_only || arguments.read_only,
        log_memory: config.logs.memory_mb << 20,
        // Nobody pays for a simulation.
        live_tail: if is_demo { LiveTail::Always } else { config.logs.live_tail },
        order: config.jobs.sort,
        columns: config.jobs.columns,
        refresh: config.refresh,
        notify: config.notify,
        keys,
        theme,
        folder,
        zone: jiff::tz::TimeZone::system(),
    };
    let app = App::new(settings, screen.size());
    runtime.block_on(async {
        runtime::run(app, Arc::new(world), runtime::events, &mut screen).await;
    });
    drop(screen);
    Ok(ExitCode::SUCCESS)
}

/// Writes what happens to the file that QDECK_LOG names, and nowhere otherwise: the terminal is ours to draw on.
fn write_log() {
    let Some(path) = std::env::var_os("QDECK_LOG") else { return };
    if let Ok(file) = std::fs::OpenOptions::new().create(true).append(true).open(path) {
        let filter = tracing_subscriber::EnvFilter::try_from_env("QDECK_LOG_LEVEL").unwrap_or_else(|_| "qdeck=debug".into());
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(file).try_init();
    }
}
