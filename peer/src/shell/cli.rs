//! The command line.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use manual::{Page, Shell};

use super::config::Config;
use super::preferences::Preferences;
use super::start::has_colour;
use crate::app::{AutoAway, Strangers, Switch};
use crate::face::oneshot::Until;
use crate::face::tui::Notices;
use crate::face::units;
use crate::work::ExportFormat;

/// The port of a server whose address names none.
const DEFAULT_PORT: u16 = 5000;

/// Chat and hand over files from one machine to another, encrypted, over UDP.
///
/// Without a command: a full screen on a terminal, otherwise commands are read from standard
/// input, one in each line (`/help` lists them). No password is ever taken from the command line or the
/// environment.
#[derive(Debug, Parser)]
#[command(name = "peer", version, max_term_width = 100)]
pub(super) struct Cli {
    /// Everything but the command.
    #[command(flatten)]
    options: Options,
    /// What to do besides talking.
    #[command(subcommand)]
    command: Option<Asked>,
}

/// What there is to run.
#[derive(Debug)]
pub(super) struct Plan {
    /// Everything but the command.
    pub options: Options,
    /// What to do besides talking.
    pub command: Option<OneShot>,
    /// The settings as they are, and how they change.
    pub preferences: Preferences,
}

/// What may stand behind the program's name.
#[derive(Clone, Debug, Subcommand)]
enum Asked {
    #[command(flatten)]
    OneShot(OneShot),
    #[command(flatten)]
    Paper(Paper),
}

/// What is printed about the program itself.
#[derive(Clone, Debug, Subcommand)]
enum Paper {
    /// Print a manual page, in roff: peer man | man -l -
    Man {
        /// Which one: of the program, or of its configuration file.
        #[arg(default_value = "program")]
        page: Page,
    },
    /// Print the script that completes this command line in a shell.
    Completions {
        /// Whose script.
        shell: Shell,
    },
}

impl Paper {
    fn text(&self) -> String {
        match self {
            Self::Man { page: Page::Program } => super::man::page(),
            Self::Man { page: Page::Config } => super::man::config_page(),
            Self::Completions { shell } => manual::completions(&Cli::command(), *shell),
        }
    }
}

/// Options of every command.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Rendezvous server: a name or address, and a port if it is not 5000.
    #[arg(long, global = true, env = "TINCAN_SERVER", value_name = "HOST[:PORT]",
        value_parser = parse_server)]
    pub server: Option<String>,
    /// UDP port to use here; 0 picks a free one.
    #[arg(long, global = true, env = "TINCAN_UDP", value_name = "PORT", default_value = "0",
        value_parser = parse_port)]
    pub udp: u16,
    /// Address to use here, to stay on one interface; all of them when absent.
    #[arg(long, global = true, env = "TINCAN_BIND", value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,
    /// Folder of keys, history and unfinished transfers. One running program uses it at a time.
    #[arg(long, global = true, env = "TINCAN_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Account to log in to.
    #[arg(long, global = true, env = "TINCAN_USER", value_name = "NAME")]
    pub user: Option<String>,
    /// File whose first line is the password; only read when one is needed.
    #[arg(long, global = true, env = "TINCAN_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Make the account of --user, with the password of --password-file; without that file it is
    /// asked for on a terminal.
    #[arg(long, global = true)]
    pub register: bool,
    /// Folder for files that arrive.
    #[arg(long, global = true, env = "TINCAN_DOWNLOAD_DIR", value_name = "DIR")]
    pub download_dir: Option<PathBuf>,
    /// Take files up to this size without asking, such as 500M or 2G; strangers ask first (--strangers).
    #[arg(long, global = true, env = "TINCAN_AUTO_ACCEPT", value_name = "SIZE",
        value_parser = units::parse_size)]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub auto_accept: Option<u64>,
    /// Send files no faster than so many bytes a second, such as 2M; messages are never slowed down.
    #[arg(long, global = true, env = "TINCAN_LIMIT_UP", value_name = "SPEED",
        value_parser = units::parse_speed)]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub limit_up: Option<u64>,
    /// Fetch files no faster than so many bytes a second.
    #[arg(long, global = true, env = "TINCAN_LIMIT_DOWN", value_name = "SPEED",
        value_parser = units::parse_speed)]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub limit_down: Option<u64>,
    /// What users may do to whom you have never written: ask to talk (you accept or decline), or talk at
    /// once.
    #[arg(long, global = true, env = "TINCAN_STRANGERS", value_name = "WHAT", value_enum,
        default_value_t = Strangers::Ask)]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub strangers: Strangers,
    /// Plain lines even on a terminal: no full screen, no colour, nothing overwritten.
    #[arg(long, global = true, env = "TINCAN_PLAIN", value_parser = BoolishValueParser::new(), conflicts_with = "json")]
    pub plain: bool,
    /// JSON lines in and out.
    #[arg(long, global = true)]
    pub json: bool,
    /// Socket at which other programs of yours speak JSON lines with this one while it runs, as 'peer attach'
    /// does.
    #[arg(long, global = true, env = "TINCAN_SOCKET", value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// After the end of standard input: how long to wait for messages and files on their way when
    /// nothing moves any more.
    #[arg(
        long,
        global = true,
        env = "TINCAN_LINGER",
        value_name = "SECONDS",
        default_value_t = 30
    )]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub linger: u64,
    /// Program that is called for each message, as PROGRAM FROM TEXT.
    #[arg(long, global = true, env = "TINCAN_ON_MESSAGE", value_name = "PROGRAM")]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub on_message: Option<PathBuf>,
    /// Program that is called for each file that has arrived, as PROGRAM FROM PATH.
    #[arg(long, global = true, env = "TINCAN_ON_FILE", value_name = "PROGRAM")]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub on_file: Option<PathBuf>,
    /// Player that /play starts on a terminal, as PROGRAM URL.
    #[arg(
        long,
        global = true,
        env = "TINCAN_PLAYER",
        value_name = "PROGRAM",
        default_value = "mpv"
    )]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub player: PathBuf,
    /// Program that /open starts on a terminal, as PROGRAM PATH.
    #[arg(
        long,
        global = true,
        env = "TINCAN_OPENER",
        value_name = "PROGRAM",
        default_value = "xdg-open"
    )]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub opener: PathBuf,
    /// How you are called when a message comes that you do not look at, on the full screen: bell, terminal
    /// (its own notice, where no desktop shows one) and desktop, with commas between, or off. /notify
    /// says of which chats.
    #[arg(long, global = true, env = "TINCAN_NOTIFY", value_name = "WAYS",
        default_value = "bell,terminal,desktop", value_parser = Notices::parse)]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub notify: Notices,
    /// Whether users whom you write to learn that you are writing, and you of them: on, off.
    #[arg(long, global = true, env = "TINCAN_TYPING", value_name = "on|off", default_value = "off",
        value_parser = Switch::parse)]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub typing: Switch,
    /// Whether users learn how far you have read what they wrote, and you of them: on, off.
    #[arg(long, global = true, env = "TINCAN_READ_MARKS", value_name = "on|off",
        default_value = "off", value_parser = Switch::parse)]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub read_marks: Switch,
    /// After how long without a key or a command others see you as away, such as 10m or 1h; off: never.
    #[arg(long, global = true, env = "TINCAN_AUTO_AWAY", value_name = "TIME|off", default_value = "off",
        value_parser = AutoAway::parse)]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub auto_away: AutoAway,
    /// Whether the full screen takes the mouse: the wheel scrolls and a click on the list goes to that window;
    /// Shift and drag selects text then. on, off.
    #[arg(long, global = true, env = "TINCAN_MOUSE", value_name = "on|off", default_value = "off",
        value_parser = Switch::parse)]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub mouse: Switch,
    /// Take commands as course assignments write them, too: 'message bob hi', 'OUT'.
    #[arg(long, global = true, env = "TINCAN_CLASSROOM", value_parser = BoolishValueParser::new())]
    #[allow(dead_code, reason = "it can change: see Preferences")]
    pub classroom: bool,
    /// Configuration file, TOML: its keys are these options, its tables aliases, keys and theme words,
    /// keys and colours of your own; peer.toml in tincan's folder of your configurations when absent.
    #[arg(long, global = true, env = "TINCAN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print all settings and where each comes from, as such a file, and do nothing else.
    #[arg(long, global = true)]
    pub print_config: bool,
    /// Append a log to this file; it never tells passwords or texts.
    #[arg(long, global = true, env = "TINCAN_LOG_FILE", value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// What the log tells: error, warn, info, debug, trace, or a filter of tracing.
    #[arg(long, global = true, env = "TINCAN_LOG", value_name = "LEVEL", default_value = "info")]
    pub log: String,
}

/// Commands that do one thing and end with an exit code that tells what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(super) enum OneShot {
    /// Send a message; ends with 0 when it is delivered, with 3 when it is only kept.
    Msg {
        /// Receiver.
        #[arg(value_name = "USER")]
        to: String,
        /// The text; `-` reads it from standard input.
        text: String,
        /// What to wait for.
        #[arg(long, value_name = "WHAT", value_enum, default_value_t = Until::Delivered)]
        wait: Until,
        /// Seconds to wait for it at most.
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
    },
    /// Offer files and folders and send them; ends when each is delivered, declined or given up.
    Send {
        /// Receiver.
        #[arg(value_name = "USER", value_parser = parse_receiver)]
        to: String,
        /// Files, and folders, each with all that is in it.
        #[arg(required = true, value_name = "PATH")]
        files: Vec<PathBuf>,
        /// Seconds to wait at most; without it as long as it takes.
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
    },
    /// Hand over a file that is still being written, as it grows; ends as 'send' does.
    Live {
        /// Receiver.
        #[arg(value_name = "USER", value_parser = parse_receiver)]
        to: String,
        /// The file; `-` hands over standard input, up to its end.
        file: PathBuf,
        /// What the other side is told that it is called: needed for `-`.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Seconds to wait at most; without it as long as it takes.
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
    },
    /// Take files that are offered; prints where each one is.
    Receive {
        /// Only from this user.
        #[arg(long, value_name = "USER")]
        from: Option<String>,
        /// End after so many files; 0: never.
        #[arg(long, value_name = "N", default_value_t = 1)]
        count: u64,
        /// Seconds to wait at most; without it as long as it takes.
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
    },
    /// Write a conversation into a file that is not there yet; needs no server.
    Export {
        /// With whom, or all.
        #[arg(value_name = "USER|all")]
        with: String,
        /// The file: its ending, .txt or .json, says how it is written; with --json as JSON.
        file: PathBuf,
    },
    /// Print the fingerprint of a user, or your own and the server's.
    Fingerprint {
        /// Whose.
        #[arg(value_name = "USER")]
        of: Option<String>,
    },
    /// Add somebody and verify his key by a spoken code: prints one, and ends when it was typed.
    Code {
        /// Type the code that somebody has said, as the first line of standard input: others on this
        /// machine could read it on a command line.
        #[arg(long)]
        typed: bool,
        /// Seconds to wait at most.
        #[arg(long, value_name = "SECONDS", default_value_t = 600)]
        timeout: u64,
    },
    /// Speak with a peer that runs and has a --socket: JSON lines of standard input go there, and what it
    /// tells is printed.
    Attach,
    /// Look whether this machine and the server are as the program needs them: without an account, and
    /// without changing anything. Ends with 1 when something is wrong.
    Doctor {
        /// Name no addresses, folders, hosts and keys: to hand on to somebody who helps.
        #[arg(long)]
        report: bool,
    },
    /// Carry the account of this data folder to another one in a file, or delete it.
    #[command(subcommand, arg_required_else_help = false)]
    Account(AccountFile),
}

/// What to do with an account. Files of accounts need no server.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(super) enum AccountFile {
    /// Write the account into a new file, under a passphrase.
    Export {
        /// The file, which must not be there yet.
        file: PathBuf,
        /// File whose first line is the passphrase; without it, it is asked for on a terminal.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Keep the account of such a file here; then log in or register with its name.
    Import {
        /// The file.
        file: PathBuf,
        /// File whose first line is the passphrase; without it, it is asked for on a terminal.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Delete the account at the server, for ever, and its keys here; history and files stay. The
    /// password is that of --password-file, or asked for on a terminal.
    Delete {
        /// The name of the account: so that it is no other one.
        name: String,
    },
}

/// Why there is nothing to run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Help or version were asked for: this text.
    Asked(String),
    /// The command line makes no sense: one line that says why.
    Wrong(String),
}

/// Takes the command line apart.
///
/// # Errors
/// [`Stop`] with the text to print.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Plan, Stop> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // First by itself: it says where the configuration is.
    let matches = matches(Cli::command(), &arguments)?;
    if let Some(Asked::Paper(paper)) = Cli::from_arg_matches(&matches).map_err(stop)?.command {
        return Err(Stop::Asked(paper.text()));
    }
    let named = matches.get_one::<PathBuf>("config").map(PathBuf::as_path);
    let config = Config::read(named, &Cli::command()).map_err(Stop::Wrong)?;
    let command = config.beneath(Cli::command());
    let matches = self::matches(command, &arguments)?;
    let preferences = Preferences::new(Cli::command(), &matches, config).map_err(Stop::Wrong)?;
    if matches.get_flag("print_config") {
        return Err(Stop::Asked(preferences.print()));
    }
    let Cli { options, command } = Cli::from_arg_matches(&matches).map_err(stop)?;
    let command = match command {
        Some(Asked::OneShot(command)) => Some(command),
        Some(Asked::Paper(_)) | None => None,
    };
    match complaint(&options, command.as_ref()) {
        Some(text) => Err(Stop::Wrong(text)),
        None => Ok(Plan { options, command, preferences }),
    }
}

/// What clap cannot know.
fn complaint(options: &Options, command: Option<&OneShot>) -> Option<String> {
    match command {
        Some(OneShot::Msg { text, .. }) if text.is_empty() => {
            Some("an empty message cannot be sent".to_owned())
        }
        Some(OneShot::Export { file, .. }) if !options.json => ExportFormat::of(file).err(),
        _ if options.register && options.user.is_none() => {
            Some("--register needs a name: --user NAME (see peer --help)".to_owned())
        }
        _ => None,
    }
}

fn matches(command: Command, arguments: &[OsString]) -> Result<ArgMatches, Stop> {
    command.try_get_matches_from(arguments).map_err(stop)
}

fn stop(error: clap::Error) -> Stop {
    let text = error.render();
    if error.use_stderr() {
        Stop::Wrong(one_line(&text.to_string()))
    } else if io::stdout().is_terminal() && has_colour() {
        Stop::Asked(text.ansi().to_string())
    } else {
        Stop::Asked(text.to_string())
    }
}

fn one_line(text: &str) -> String {
    format!("{} (see peer --help)", first_paragraph(text))
}

/// The first paragraph of clap's complaint as one line.
pub(super) fn first_paragraph(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or_default();
    let line = first.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    line.trim_start_matches("error: ").to_owned()
}

/// Somebody who can take files: with a room it would have to be said what to wait for.
fn parse_receiver(typed: &str) -> Result<String, String> {
    if typed.starts_with('#') {
        return Err("files go to one user here; the program itself offers them to rooms".to_owned());
    }
    Ok(typed.to_owned())
}

fn parse_port(typed: &str) -> Result<u16, String> {
    typed.parse().map_err(|_| "a port is a number from 0 to 65535".to_owned())
}

/// `host`, `host:port`, `address`, `[address]:port` as `host:port`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_server(typed: &str) -> Result<String, String> {
    let typed = typed.trim();
    let is_bare_ipv6 = typed.parse::<std::net::Ipv6Addr>().is_ok();
    if is_bare_ipv6 {
        return Ok(format!("[{typed}]:{DEFAULT_PORT}"));
    }
    let (host, port) = match typed.rsplit_once(':') {
        Some((host, port)) if !typed.ends_with(']') => {
            let port = port.parse::<u16>().ok().filter(|port| *port != 0);
            (host, port.ok_or("a server's port is a number from 1 to 65535")?)
        }
        _ => (typed, DEFAULT_PORT),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 253
                && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
        }
    };
    if is_host {
        Ok(format!("{host}:{port}"))
    } else {
        Err("a server is written as name:port, 192.0.2.1:port or [2001:db8::1]:port".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Plan, Stop> {
        // Not the configuration of whoever runs the tests.
        let words = ["peer", "--config", "/dev/null"].into_iter().chain(line.split_whitespace());
        parse(words.map(OsString::from))
    }

    fn complaint(line: &str) -> String {
        match run(line) {
            Err(Stop::Wrong(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_document_has_every_one_shot_command() {
        let document = include_str!("../../../docs/scripting.md");
        let rows: Vec<&str> =
            document.lines().filter(|line| line.starts_with("| `peer ")).collect();
        let is_paper = |name: &str| ["man", "completions"].contains(&name);
        let cli = Cli::command();
        let commands: Vec<&str> =
            cli.get_subcommands().map(Command::get_name).filter(|name| !is_paper(name)).collect();
        assert!(commands.contains(&"msg") && commands.contains(&"attach"), "{commands:?}");
        for name in &commands {
            let begin = format!("| `peer {name}");
            let is_row =
                |row: &&&str| row.strip_prefix(&begin).is_some_and(|it| it.starts_with([' ', '`']));
            assert!(rows.iter().find(is_row).is_some(), "docs/scripting.md lacks `peer {name}`");
        }
        for row in rows {
            let name = row["| `peer ".len()..].split([' ', '`']).next().unwrap_or_default();
            assert!(commands.contains(&name), "there is no command `peer {name}`");
        }
    }

    #[test]
    fn servers_as_typed() {
        for (typed, server) in [
            ("chat.example", "chat.example:5000"),
            ("chat.example:6001", "chat.example:6001"),
            ("192.0.2.1", "192.0.2.1:5000"),
            ("2001:db8::1", "[2001:db8::1]:5000"),
            ("[2001:db8::1]", "[2001:db8::1]:5000"),
            ("[::1]:7", "[::1]:7"),
            (" localhost:5000 ", "localhost:5000"),
        ] {
            assert_eq!(parse_server(typed).as_deref(), Ok(server), "{typed}");
        }
        for typed in ["", ":5000", "a:0", "a:65536", "a:b", "[x]:5", "a b:5", "a:5:6", "[::1]x:5"] {
            assert!(parse_server(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn options_stand_before_or_after_the_command() {
        let cli = run("--server h:1 msg bob hi --timeout 5 --udp 6000").unwrap();
        assert_eq!((cli.options.server.as_deref(), cli.options.udp), (Some("h:1"), 6000));
        let msg = |wait, timeout| {
            Some(OneShot::Msg { to: "bob".into(), text: "hi".into(), wait, timeout })
        };
        assert_eq!(cli.command, msg(Until::Delivered, 5));
        assert_eq!(run("msg bob hi --wait kept").unwrap().command, msg(Until::Kept, 30));
        let cli = run("send bob a.mp4 b.mp4 --server h --auto-accept 2G").unwrap();
        assert_eq!(cli.options.server.as_deref(), Some("h:5000"));
        assert_eq!(cli.options.auto_accept, Some(2_000_000_000));
        let files = vec![PathBuf::from("a.mp4"), PathBuf::from("b.mp4")];
        assert_eq!(cli.command, Some(OneShot::Send { to: "bob".into(), files, timeout: None }));
        let receive = OneShot::Receive { from: None, count: 1, timeout: None };
        assert_eq!(run("receive").unwrap().command, Some(receive));
        // The argument of a command is not the option of the same name.
        for line in ["msg bob hi", "send bob a.mp4", "fingerprint bob", "receive --from bob"] {
            assert_eq!(run(line).unwrap().options.user, None, "{line}");
        }
    }

    #[test]
    fn complaints_are_one_line_and_name_the_value() {
        for (line, word) in [
            ("--udp 65536", "65536"),
            ("--udp -1", "-1"),
            ("--server x:99999", "99999"),
            ("--bind nowhere", "nowhere"),
            ("--auto-accept lots", "lots"),
            ("--strangers out", "ask, talk"),
            ("--plain --json", "--json"),
            ("--register", "--user"),
            ("msg bob", "TEXT"),
            ("msg bob hi --wait 30", "delivered, kept"),
            ("send bob", "PATH"),
            ("--password secret", "--password"),
            ("dance", "dance"),
            ("account", "subcommand"),
            ("account export", "FILE"),
            ("account delete", "NAME"),
            ("account import x --passphrase secret", "--passphrase"),
        ] {
            let text = complaint(line);
            assert!(text.contains(word) && !text.contains('\n'), "{line}: {text}");
        }
    }

    /// Security acceptance D12: there is no option and no variable that holds a password.
    #[test]
    fn no_argument_takes_a_password() {
        let command = Cli::command();
        let mut commands = vec![&command];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands());
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                assert!(!id.contains("pass") || matches!(id, "password_file" | "passphrase_file"));
            }
        }
    }

    /// The command line goes before the environment (tests/os has that), and both before the file.
    #[test]
    fn the_configuration_is_beneath_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("peer.toml");
        std::fs::write(
            &file,
            "udp = 6000\nplain = true\nuser = \"alice\"\n[aliases]\nhi = \"hello\"\n",
        )
        .unwrap();
        let run = |more: &[&str]| {
            let words = ["peer", "--config", file.to_str().unwrap()];
            parse(words.iter().chain(more).map(OsString::from))
        };
        let plan = run(&[]).unwrap();
        assert_eq!((plan.options.udp, plan.options.plain), (6000, true));
        assert_eq!(plan.options.user.as_deref(), Some("alice"));
        assert!(plan.preferences.print().contains("[aliases]\nhi = \"hello\"\n"));
        assert_eq!(run(&["--udp", "7"]).unwrap().options.udp, 7);
        let Err(Stop::Asked(text)) = run(&["--print-config", "--udp", "7"]) else { panic!() };
        for line in [
            "udp = \"7\"  # command line",
            "user = \"alice\"  # configuration file",
            "linger = \"30\"  # default",
            "plain = true  # configuration file",
            "# data =",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        // What is printed can be read again.
        let printed = folder.path().join("printed.toml");
        std::fs::write(&printed, &text).unwrap();
        let words = ["peer", "--config", printed.to_str().unwrap()].map(OsString::from);
        assert_eq!(parse(words).unwrap().options.udp, 7);
        std::fs::write(&file, "udp = 70000\n").unwrap();
        assert!(matches!(run(&[]), Err(Stop::Wrong(text)) if text.contains("70000")));
    }

    /// Also where the configuration cannot be read.
    #[test]
    fn papers_are_printed_and_nothing_else_is_done() {
        for (line, word) in [
            ("man", ".SH \"EXIT STATUS\""),
            ("completions bash", "--download-dir"),
            ("completions zsh", "#compdef peer"),
            ("completions fish", "complete -c peer"),
        ] {
            assert!(matches!(run(line), Err(Stop::Asked(text)) if text.contains(word)), "{line}");
        }
        let words = ["peer", "--config", "/no/such", "man"].map(OsString::from);
        assert!(matches!(parse(words), Err(Stop::Asked(_))));
        assert!(complaint("completions cmd").contains("zsh"));
    }

    #[test]
    fn help_goes_to_standard_output() {
        assert!(matches!(run("--help"), Err(Stop::Asked(text)) if text.contains("--server")));
        assert!(matches!(run("--version"), Err(Stop::Asked(_))));
    }
}
