use std::net::SocketAddr;

use wire::app::framing::{self, Deframer};
use wire::app::server::{About, ClientMessage, LABEL, Request, Response, ServerMessage};
use wire::time::{Duration, Instant};
use wire::{
    Accept, CloseReason, Config, Ecn, Endpoint, Event, Node, PublicKey, Seed, Source, StaticKey,
    TransportConfig,
};

use super::*;

const SERVER: &str = "198.51.100.1:5000";
const SECOND: &str = "198.51.100.2:5000";
const HERE: &str = "192.168.7.2:6000";
const OUTSIDE: &str = "203.0.113.9:6000";
const KEY: PublicKey = PublicKey([7; 32]);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn about(observed: &str) -> About {
    About { observed: address(observed), unix: 1_000_000, relay: Some(2_000_000) }
}

fn answer(about: Option<About>) -> Heard {
    Heard::Answer { key: KEY, rtt: Duration::from_millis(23), about }
}

/// A machine at which nothing is wrong.
fn healthy() -> Facts {
    Facts {
        data: Folder {
            path: "/home/alice/.local/share/tincan".to_owned(),
            state: FolderState::Usable(Some(12_300_000_000)),
        },
        database: Database::Good,
        downloads: Folder {
            path: "/home/alice/holiday".to_owned(),
            state: FolderState::Usable(Some(12_300_000_000)),
        },
        socket: Ok(SocketFacts {
            local: address("[::]:6000"),
            taken: None,
            buffers: [8 << 20, 8 << 20],
            buffer_wanted: 4 << 20,
            offload: [64, 64],
        }),
        routes: [Some("192.168.7.2".parse().unwrap()), Some("2001:db8:5::7".parse().unwrap())],
        server: Some(ServerFacts {
            name: "chat.example:5000".to_owned(),
            addresses: Ok(vec![address(SERVER)]),
            pin: Pin::Key(KEY),
            visited: vec![(address(SERVER), answer(Some(about(OUTSIDE))))],
            own: vec![address(HERE)],
        }),
        unix: 1_000_003,
        player: ("/home/alice/bin/cinema".to_owned(), Presence::There),
        terminal: Terminal { is_there: true, is_dumb: false, is_unicode: true, width: Some(80) },
    }
}

/// The check of this name.
fn found(facts: &Facts, name: &str) -> Check {
    let checks = examine(facts, Reader::Person);
    let check = checks.into_iter().find(|check| check.check == name);
    check.unwrap_or_else(|| panic!("there is no {name}"))
}

fn with(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = healthy();
    change(&mut facts);
    facts
}

fn server(facts: &mut Facts) -> &mut ServerFacts {
    facts.server.as_mut().unwrap()
}

#[test]
fn a_healthy_machine_has_one_line_for_each_check_and_no_advice() {
    let checks = examine(&healthy(), Reader::Person);
    assert_eq!(worst(&checks), Verdict::Ok, "{checks:#?}");
    assert!(checks.iter().all(|check| check.advice.is_none()), "{checks:#?}");
    let names: Vec<&str> = checks.iter().map(|check| check.check).collect();
    assert_eq!(
        names,
        [
            "data-folder",
            "database",
            "download-folder",
            "udp-port",
            "socket-buffers",
            "offload",
            "ipv4",
            "ipv6",
            "server-name",
            "server",
            "server-key",
            "clock",
            "nat",
            "relay",
            "player",
            "terminal"
        ]
    );
    let lines: Vec<String> = checks.iter().map(line).collect();
    assert_eq!(
        lines[0],
        "ok   data-folder: /home/alice/.local/share/tincan can be written to, 12.3 GB free"
    );
    assert!(lines[9].contains("answers from 198.51.100.1:5000; a round trip takes 23 ms"));
    assert!(lines[12].contains("the server sees you at 203.0.113.9:6000: a NAT; whether"));
    let json = json_line(&checks[1]);
    assert!(json.starts_with(r#"{"event":"check","check":"database","verdict":"ok","text":""#));
    assert_eq!(json_end(&checks), r#"{"event":"checked","verdict":"ok"}"#);
}

/// Each fault is seen where it is, and something is said to be done about it.
#[test]
fn faults_are_found_and_have_advice() {
    type Change = fn(&mut Facts);
    let cases: Vec<(&str, Verdict, &str, Change)> = vec![
        ("data-folder", Verdict::Fail, "others may write", |it| {
            it.data.state = FolderState::OpenToOthers;
        }),
        ("data-folder", Verdict::Warn, "free", |it| {
            it.data.state = FolderState::Usable(Some(1000));
        }),
        ("download-folder", Verdict::Fail, "cannot be written to", |it| {
            it.downloads.state = FolderState::Forbidden;
        }),
        ("download-folder", Verdict::Fail, "is no folder", |it| {
            it.downloads.state = FolderState::NoFolder;
        }),
        ("download-folder", Verdict::Fail, "cannot be made", |it| {
            it.downloads.state = FolderState::CannotBeMade;
        }),
        ("database", Verdict::Fail, "newer version", |it| {
            it.database = Database::Bad("made by a newer version".to_owned());
        }),
        ("udp-port", Verdict::Fail, "6001 is used", |it| {
            it.socket.as_mut().unwrap().taken = Some(6001);
        }),
        ("udp-port", Verdict::Fail, "no right", |it| it.socket = Err("no right".to_owned())),
        ("socket-buffers", Verdict::Warn, "the kernel keeps", |it| {
            it.socket.as_mut().unwrap().buffers = [200_000, 8 << 20];
        }),
        ("ipv4", Verdict::Warn, "no route", |it| it.routes = [None, None]),
        ("server", Verdict::Warn, "none is named", |it| it.server = None),
        ("server-name", Verdict::Fail, "is not found: no such host", |it| {
            server(it).addresses = Err("no such host".to_owned());
        }),
        ("server", Verdict::Fail, "does not answer", |it| {
            server(it).visited[0].1 = Heard::Nothing;
        }),
        ("server", Verdict::Fail, "too many", |it| {
            server(it).visited[0].1 = Heard::Refusal("too many".to_owned());
        }),
        ("server-key", Verdict::Fail, "another than before", |it| {
            server(it).pin = Pin::Key(PublicKey([8; 32]));
        }),
        ("clock", Verdict::Warn, "ahead of", |it| it.unix += 3600),
        ("clock", Verdict::Warn, "behind", |it| it.unix -= 3600),
        ("nat", Verdict::Warn, "is older", |it| server(it).visited[0].1 = answer(None)),
        ("relay", Verdict::Warn, "carries nothing", |it| {
            let about = About { relay: None, ..about(OUTSIDE) };
            server(it).visited[0].1 = answer(Some(about));
        }),
        ("player", Verdict::Warn, "not found", |it| it.player.1 = Presence::Missing),
        ("terminal", Verdict::Warn, "cannot be moved", |it| it.terminal.is_dumb = true),
    ];
    for (name, verdict, words, change) in cases {
        let facts = with(change);
        let check = found(&facts, name);
        assert_eq!(check.verdict, verdict, "{check:?}");
        assert!(check.text.contains(words), "{words}: {check:?}");
        assert!(check.advice.is_some(), "{check:?}");
        assert_eq!(worst(&examine(&facts, Reader::Person)), verdict, "nothing else is wrong");
    }
}

/// What is no fault, though something is not there.
#[test]
fn a_first_start_and_another_peer_are_no_faults() {
    let first = with(|it| {
        it.data.state = FolderState::ToBeMade;
        it.database = Database::None;
        server(it).pin = Pin::None;
        it.terminal.is_there = false;
        it.routes[1] = None;
    });
    assert_eq!(worst(&examine(&first, Reader::Person)), Verdict::Ok);
    assert!(found(&first, "server-key").text.contains("first contact"));
    let beside = with(|it| {
        it.database = Database::InUse;
        server(it).pin = Pin::Unknown;
        it.socket.as_mut().unwrap().taken = Some(6000);
    });
    assert_eq!(worst(&examine(&beside, Reader::Person)), Verdict::Ok);
    assert!(found(&beside, "database").text.contains("another peer that runs"));
    assert!(found(&beside, "udp-port").text.contains("6000 is in use"));
}

/// Two addresses of the server tell how the NAT maps; one does not.
#[test]
fn the_nat_is_judged_by_what_was_seen() {
    let seen_at = |first: &str, second: Option<&str>| {
        let facts = with(|it| {
            let server = server(it);
            server.visited = vec![(address(SERVER), answer(Some(about(first))))];
            let second = second.map(|at| (address(SECOND), answer(Some(about(at)))));
            server.visited.extend(second);
        });
        found(&facts, "nat")
    };
    assert!(seen_at(HERE, None).text.ends_with("no NAT"));
    assert!(seen_at(OUTSIDE, Some(OUTSIDE)).text.contains("the same port"));
    let symmetric = seen_at(OUTSIDE, Some("203.0.113.9:20001"));
    assert_eq!(symmetric.verdict, Verdict::Warn);
    assert!(symmetric.text.contains("gives each destination another port"), "{symmetric:?}");
    assert!(symmetric.advice.is_some_and(|advice| advice.contains("--udp PORT")));
}

#[test]
fn addresses_that_show_different_keys_are_told() {
    let facts = with(|it| {
        let other = Heard::Answer {
            key: PublicKey([9; 32]),
            rtt: Duration::from_millis(1),
            about: Some(about(OUTSIDE)),
        };
        server(it).visited.push((address(SECOND), other));
    });
    let check = found(&facts, "server-key");
    assert_eq!(check.verdict, Verdict::Fail);
    assert!(check.text.contains("different keys"));
}

/// A report names nobody and no place, whatever is wrong.
#[test]
fn a_report_holds_no_names_addresses_folders_and_keys() {
    let print = wire::app::identity::fingerprint(&KEY.0);
    let secret = [
        "alice",
        "/home",
        "holiday",
        "chat.example",
        "198.51",
        "203.0",
        "192.168",
        "2001:db8",
        "cinema",
        print.as_str(),
    ];
    let mut worlds = vec![healthy()];
    worlds.push(with(|it| {
        let path = it.data.path.clone();
        it.data.state = FolderState::Forbidden;
        it.downloads.state = FolderState::NoFolder;
        it.database = Database::Bad(format!("{path}/peer.sqlite is damaged"));
        it.player.1 = Presence::Missing;
        server(it).pin = Pin::Key(PublicKey([8; 32]));
        it.socket = Err(format!("{OUTSIDE} cannot be used"));
    }));
    worlds.push(with(|it| server(it).addresses = Err("chat.example: no such host".to_owned())));
    worlds.push(with(|it| {
        server(it).visited[0].1 = Heard::Refusal("alice's server is full".to_owned());
    }));
    for facts in &worlds {
        let checks = examine(facts, Reader::Helper);
        let text: Vec<String> = checks.iter().flat_map(|it| [line(it), json_line(it)]).collect();
        let text = text.join("\n");
        for word in secret {
            assert!(!text.contains(word), "{word} in {text}");
        }
        // The same is found, and the same is wrong.
        let verdicts = |checks: &[Check]| -> Vec<(&str, Verdict)> {
            checks.iter().map(|check| (check.check, check.verdict)).collect()
        };
        assert_eq!(verdicts(&checks), verdicts(&examine(facts, Reader::Person)));
    }
    let text: Vec<String> = examine(&worlds[0], Reader::Helper).iter().map(line).collect();
    let text = text.join("\n");
    assert!(text.contains("the server sees you at (public IPv4), in no network of"), "{text}");
}

/// What a server says may be meant for the terminal.
#[test]
fn a_reason_of_the_server_does_not_act_on_the_terminal() {
    let facts = with(|it| {
        server(it).visited[0].1 = Heard::Refusal("\u{1b}]0;gone\u{7}\nok server: fine".to_owned());
    });
    let line = line(&found(&facts, "server"));
    assert!(!line.contains(['\u{1b}', '\u{7}', '\n']), "{line:?}");
}

/// How the server in a test answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Tells,
    /// It knows no such question.
    HangsUp,
    TalksNonsense,
    Silent,
}

/// A visit over a link without delay, until nothing more happens.
fn visited(manner: Manner) -> Heard {
    let (here, there) = (address(HERE), address(SERVER));
    let config = Config {
        static_key: StaticKey::from_private([5; 32]),
        token_secret: [1; 32],
        token_epoch: 0,
        label: LABEL,
        accept: Accept::Anyone,
        transport: TransportConfig::default(),
    };
    let mut server = Endpoint::new(config, &Seed::new([3; 32]));
    let mut now = Instant::from_micros(1_000_000);
    let mut visit = Visit::new(now, &[there], &Seed::new([4; 32]));
    let mut question = Deframer::default();
    let mut buffer = Vec::new();
    while !visit.is_over() && now < Instant::from_micros(60_000_000) {
        while let Some(sent) = visit.poll_transmit(now, &mut buffer, 1) {
            assert_eq!(sent.destination, there);
            let source = Source { address: here, ecn: Ecn::NotCapable };
            if manner != Manner::Silent {
                server.handle_datagram(now, source, &mut buffer);
            }
        }
        while let Some((handle, event)) = server.poll_event() {
            let Event::Readable(stream) = event else { continue };
            let _ = server.read(handle, stream, 1000, question.buffer());
            let Ok(Some(ClientMessage::Request { id, request })) = question.next() else {
                continue;
            };
            assert_eq!(request, Request::About);
            let said = match manner {
                Manner::Tells => framing::encode(&ServerMessage::Response {
                    id,
                    response: Response::About(about(OUTSIDE)),
                }),
                Manner::HangsUp => {
                    server.close(now, handle, CloseReason::new(4, "what?"));
                    continue;
                }
                Manner::TalksNonsense => vec![0xff; 40],
                Manner::Silent => continue,
            };
            server.write(handle, stream, &said).unwrap();
        }
        while let Some(_sent) = server.poll_transmit(now, &mut buffer, 1) {
            let source = Source { address: there, ecn: Ecn::NotCapable };
            visit.handle_datagram(now, source, &mut buffer);
        }
        now += Duration::from_millis(25);
        if server.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            server.handle_timeout(now);
        }
        if visit.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            visit.handle_timeout(now);
        }
    }
    visit.heard().remove(0).1
}

/// [W-178]
#[test]
fn a_server_is_asked_and_may_answer_as_it_likes() {
    let heard = visited(Manner::Tells);
    let Heard::Answer { key, about: Some(said), .. } = heard else { panic!("{heard:?}") };
    assert_eq!((key, said), (StaticKey::from_private([5; 32]).public(), about(OUTSIDE)));
    for manner in [Manner::HangsUp, Manner::TalksNonsense] {
        assert!(matches!(visited(manner), Heard::Answer { about: None, .. }));
    }
    assert_eq!(visited(Manner::Silent), Heard::Nothing);
}
