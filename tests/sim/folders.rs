//! A folder from one to another, over a bad link and through the deaths of both programs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use peer::output::Output;
use rendezvous::Policy;
use sim::Impairment;

use crate::party::{ALICE, BOB, Party};
use crate::support::{loss, millis, seconds};

const FILES: usize = 60;

/// What is in a folder, by path.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(root).expect("it is there") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("it has one").to_string_lossy().into_owned();
        if path.is_dir() {
            let inner = tree(&path).into_iter();
            files.extend(inner.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            files.insert(name, fs::read(path).expect("readable"));
        }
    }
    files
}

/// Files of all sizes from nothing to 60 kB, in folders of seven.
fn write_folder(root: &Path) {
    for number in 0..FILES {
        let folder = root.join(format!("day {}", number / 7));
        fs::create_dir_all(&folder).expect("a folder of our own");
        let bytes: Vec<u8> = (0..number * 1000).map(|at| (at * 31 % 251) as u8).collect();
        fs::write(folder.join(format!("{number}.jpg")), bytes).expect("a folder of our own");
    }
}

fn has_come(output: &Output, count: u64) -> bool {
    matches!(output, Output::File { file } if file.files_done.is_some_and(|done| done >= count))
}

fn is_complete(output: &Output) -> bool {
    matches!(output, Output::File { file } if file.files.is_some() && file.state == "complete")
}

#[test]
fn a_folder_goes_over_whatever_happens_to_the_link() {
    let rate = Some(4_000_000);
    let link = Impairment { delay: millis(30), loss: loss(0.03), rate, ..Impairment::default() };
    let mut party = Party::with(2, Policy::default(), &link);
    let root = party.write_file(ALICE, "beside it", b"").with_file_name("holiday");
    write_folder(&root);
    party.line(ALICE, &format!("/send bob {}", root.display()));
    party.until(BOB, |o| matches!(o, Output::FileOffer { files: Some(60), .. }));
    party.line(BOB, "/accept");
    party.until(BOB, |o| has_come(o, 8));
    let (a, b) = (party.host(ALICE), party.host(BOB));
    party.world.network.separate(a, b);
    party.run(seconds(2));
    party.world.network.join(a, b);
    party.until(BOB, |o| has_come(o, 16));
    let disk = party.kill(BOB);
    party.run(seconds(5));
    party.restart(BOB, disk);
    party.take(BOB);
    party.until(BOB, |o| has_come(o, 24));
    let disk = party.kill(ALICE);
    party.run(seconds(5));
    party.restart(ALICE, disk);
    party.until(BOB, is_complete);
    party.until(ALICE, is_complete);
    let offers = party.take(BOB).into_iter();
    let offers = offers.filter(|output| matches!(output, Output::FileOffer { .. })).count();
    assert_eq!(offers, 0, "one answer was enough");
    assert!(tree(&party.downloads(BOB).join("holiday")) == tree(&root), "all of it");
    assert_eq!(tree(&root).len(), FILES);
}
