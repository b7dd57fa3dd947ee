//! A file that grows while it is handed over, over a bad line, with programs that die.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use std::fs::File;
use std::io::Write;

use peer::output::Output;
use rendezvous::Policy;
use sim::Impairment;

use crate::party::{ALICE, BOB, Party};
use crate::support::{loss, millis, seconds};

/// What a recorder has written, and the file that it has open.
struct Recorder {
    file: File,
    bytes: Vec<u8>,
}

impl Recorder {
    fn write(&mut self, len: usize) {
        let mut more = vec![0; len];
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.bytes.len().to_be_bytes()).finalize_xof().fill(&mut more);
        self.file.write_all(&more).unwrap();
        self.bytes.extend(more);
    }
}

impl Party {
    /// How much of the only transfer a user has.
    fn done(&mut self, user: usize) -> u64 {
        self.take(user);
        self.line(user, "/files");
        let told = self.take(user);
        let files = told.iter().find_map(|output| match output {
            Output::Files { files, .. } => Some(files),
            _ => None,
        });
        files.expect("an answer")[0].done
    }
}

/// [W-131] [W-132] [W-133] Both die while it grows, and once more when it has ended; the head is written
/// anew at last.
#[test]
fn what_grows_over_a_bad_line_arrives_whole_though_both_die() {
    let line = Impairment {
        delay: millis(30),
        rate: Some(16_000_000),
        loss: loss(2.0),
        ..Impairment::default()
    };
    let mut party = Party::with(2, Policy::default(), &line);
    let path = party.write_file(ALICE, "cam.ts", b"");
    let file = File::options().append(true).open(&path).unwrap();
    let mut recorder = Recorder { file, bytes: Vec::new() };
    recorder.write(300_000);
    party.line(ALICE, &format!("/live bob {}", path.display()));
    party.until(BOB, |o| matches!(o, Output::FileOffer { size: None, .. }));
    party.line(BOB, "/accept");
    for victim in [ALICE, BOB, ALICE, BOB] {
        for _ in 0..5 {
            recorder.write(400_000);
            party.run(millis(700));
        }
        let disk = party.kill(victim);
        recorder.write(100_000);
        party.run(seconds(2));
        party.restart(victim, disk);
        party.run(seconds(10));
        assert_eq!(party.done(BOB), recorder.bytes.len() as u64, "all that was written");
    }
    // It ends, and both die while that is found out.
    recorder.write(1_000_000);
    let Recorder { file, mut bytes } = recorder;
    drop(file);
    let mut file = File::options().write(true).open(&path).unwrap();
    file.write_all(&[0xaa; 500]).unwrap();
    bytes[..500].fill(0xaa);
    drop(file);
    party.run(millis(5400));
    for victim in [BOB, ALICE] {
        let disk = party.kill(victim);
        party.run(millis(300));
        party.restart(victim, disk);
    }
    party.until(BOB, |o| matches!(o, Output::File { file } if file.state == "complete"));
    party.until(ALICE, |o| matches!(o, Output::File { file } if file.state == "complete"));
    let saved = std::fs::read(party.downloads(BOB).join("cam.ts")).unwrap();
    assert!(saved == bytes);
}
