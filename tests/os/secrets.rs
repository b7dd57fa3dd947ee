//! What the real programs leave behind in logs and in the server's folder.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::Path;

use peer::store::Database;
use peer::work::{StoreReply, StoreRequest};
use sim::programs::{Scene, hash_file, write_noise};

const MESSAGE: &str = "the heron lands at noon behind the mill";
const WRONG: &str = "opensesame but wrong";
/// The shortest part of a secret that is looked for.
const PART: usize = 16;

/// Where secrets must not be: a name and bytes.
type Hay = Vec<(String, Vec<u8>)>;

/// What must not be found: a name, and its spellings.
struct Secret {
    name: String,
    spellings: Vec<Vec<u8>>,
}

impl Secret {
    /// As it is, in hexadecimal, in base64 (from its first byte), and as Rust prints bytes.
    fn new(name: &str, bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(2 * PART)];
        let part = &bytes[..bytes.len().min(PART)];
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = |separator: &str| {
            let numbers: Vec<String> = part.iter().map(u8::to_string).collect();
            numbers.join(separator).into_bytes()
        };
        let mut spellings = vec![part.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
        spellings.extend([list(", "), list(","), base64(part, b"+/"), base64(part, b"-_")]);
        Self { name: name.to_owned(), spellings }
    }

    fn assert_absent(&self, hay: &Hay) {
        for (place, bytes) in hay {
            for spelling in &self.spellings {
                let found = bytes.windows(spelling.len()).any(|window| window == spelling);
                assert!(!found, "{} stands in {place}", self.name);
            }
        }
    }
}

/// Without padding, and without the last character when it would depend on what follows.
fn base64(bytes: &[u8], last: &[u8; 2]) -> Vec<u8> {
    let alphabet: Vec<u8> =
        (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last.iter().copied()).collect();
    let groups = bytes
        .chunks_exact(3)
        .map(|group| group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)));
    groups
        .flat_map(|bits| [18, 12, 6, 0].map(|shift| bits >> shift & 63))
        .map(|index| alphabet[index])
        .collect()
}

/// A day: accounts, a wrong password, messages, a file, a block, a way back by device key.
fn live(scene: &Scene, folder: &Path, film: &Path) -> Vec<(String, String)> {
    let [at_server, at_alice, at_bob] = ["server", "alice", "bob"]
        .map(|who| folder.join(format!("{who}.log")).to_str().unwrap().to_owned());
    let verbose = ["--log", "trace", "--log-file"];
    let (mut server, address) =
        scene.server(&[], "127.0.0.1:0", &[&verbose[..], &[&at_server]].concat());
    let mut alice = scene.peer(&[], "alice", address, &[&verbose[..], &[&at_alice]].concat());
    let mut bob = scene.peer(&[], "bob", address, &[&verbose[..], &[&at_bob]].concat());
    alice.await_event("presence", |event| event["user"] == "bob" && event["online"] == true);
    alice.type_line(&format!(r#"{{"command":"message","to":"bob","text":"{MESSAGE}"}}"#));
    bob.await_event("message", |event| event["text"] == MESSAGE);
    alice.type_line(&format!("/send bob {}", film.display()));
    let offer = bob.await_event("file-offer", |_| true);
    bob.type_line(&format!("/accept {}", offer["id"]));
    let done = bob.await_event("file", |event| event["state"] == "complete");
    assert_eq!(hash_file(done["path"].as_str().unwrap().as_ref()).unwrap(), offer["blake3"]);

    alice.type_line(r#"{"command":"logout"}"#);
    alice.await_event("login-needed", |_| true);
    let login =
        |password: &str| format!(r#"{{"command":"login","name":"alice","password":"{password}"}}"#);
    alice.type_line(&login(WRONG));
    alice.await_event("login-needed", |event| !event["reason"].is_null());
    // Lines that are no commands, with what somebody meant to keep to himself.
    alice.type_line(&format!(r#"{{"command":"login","password":"{WRONG}""#));
    alice.await_event("error", |_| true);
    alice.type_line(&format!("/login alice {WRONG}"));
    alice.await_event("error", |_| true);
    alice.type_line(&login("correct horse alice"));
    alice.await_event("logged-in", |_| true);
    alice.type_line("/block bob");
    alice.type_line(r#"{"command":"blocked"}"#);
    alice.await_event("blocked", |event| event["users"][0] == "bob");
    for peer in [&mut alice, &mut bob] {
        peer.type_line("/quit");
        assert_eq!(peer.await_exit().code(), Some(0));
    }
    server.terminate();
    assert_eq!(server.await_exit().code(), Some(0));
    let errors = [("the server", server), ("alice's peer", alice), ("bob's peer", bob)];
    errors.map(|(who, program)| (format!("what {who} says"), program.errors())).into()
}

/// The keys that a peer keeps.
fn keys_of(scene: &Scene, user: &str) -> Vec<Secret> {
    let mut database = Database::open(&scene.folder_of(user).join("data")).unwrap();
    let answer = database.run(vec![StoreRequest::Load(None)]).remove(0).unwrap();
    let StoreReply::Loaded(profile) = answer else { panic!("{answer:?}") };
    let (keys, account) = (profile.installation.unwrap(), profile.account.unwrap());
    vec![
        Secret::new(&format!("{user}'s device key"), keys.device.private()),
        Secret::new(&format!("{user}'s token secret"), keys.token_secret.expose()),
        Secret::new(&format!("{user}'s identity"), account.identity_secret.expose()),
    ]
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.trim().len()).step_by(2).map(digits).collect()
}

/// A key of a session, which nobody outside knows, would show as what it is: many bytes that mean
/// nothing, in one of the ways in which programs print them.
fn assert_no_key_is_printed(place: &str, text: &str) {
    let is_hex = |word: &str| word.len() >= 2 * PART && word.bytes().all(|b| b.is_ascii_hexdigit());
    for line in text.lines() {
        let hex = line.split(|c: char| !c.is_ascii_alphanumeric()).any(is_hex);
        let mut in_a_row = 0;
        let numbers = line.split([',', '[', ']', ' ', '(', ')']).filter(|word| !word.is_empty());
        let list = numbers
            .map(|word| {
                in_a_row = if word.parse::<u8>().is_ok() { in_a_row + 1 } else { 0 };
                in_a_row
            })
            .any(|count| count >= PART);
        assert!(!hex && !list, "{place} shows a key: {line}");
    }
}

/// Security acceptance J10: at the highest log level no log, no standard error and no file of the
/// server but its key files has a password, a text, a file's content or a key.
#[test]
fn nothing_secret_is_logged_or_kept_by_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(folder.path());
    let film = folder.path().join("film.mp4");
    write_noise(&film, 300_000).unwrap();
    let mut texts = live(&scene, folder.path(), &film);
    for who in ["server", "alice", "bob"] {
        let log = fs::read_to_string(folder.path().join(format!("{who}.log"))).unwrap();
        assert!(log.contains("TRACE"), "{who} logs at the highest level");
        texts.push((format!("the log of {who}"), log));
    }
    for (place, text) in &texts {
        assert_no_key_is_printed(place, text);
        assert!(!text.bytes().any(|byte| byte < b' ' && byte != b'\n'), "control bytes in {place}");
    }
    let mut hay: Hay = texts.into_iter().map(|(place, text)| (place, text.into_bytes())).collect();
    let mut secrets = vec![
        Secret::new("a message", MESSAGE.as_bytes()),
        Secret::new("alice's password", b"correct horse alice"),
        Secret::new("bob's password", b"correct horse bob"),
        Secret::new("a wrong password", WRONG.as_bytes()),
    ];
    let content = fs::read(&film).unwrap();
    secrets.extend([0, 100_000, 299_900].map(|at| Secret::new("the film", &content[at..])));
    secrets.extend(keys_of(&scene, "alice"));
    secrets.extend(keys_of(&scene, "bob"));
    let mut files = 0;
    for entry in fs::read_dir(scene.folder_of("server")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        files += 1;
        if path.extension().is_some_and(|extension| extension == "key") {
            let name = path.display().to_string();
            let key = from_hex(str::from_utf8(&bytes).unwrap());
            // The secret half of a longer file may stand anywhere in it.
            secrets.extend(key.chunks_exact(2 * PART).map(|part| Secret::new(&name, part)));
        } else {
            hay.push((path.display().to_string(), bytes));
        }
    }
    assert!(files >= 5, "a database, three keys, a status");
    for secret in &secrets {
        secret.assert_absent(&hay);
    }
    // The search itself finds what is there.
    hay = vec![("x".to_owned(), format!("a{MESSAGE}b").into_bytes())];
    assert!(std::panic::catch_unwind(|| secrets[0].assert_absent(&hay)).is_err());
}
