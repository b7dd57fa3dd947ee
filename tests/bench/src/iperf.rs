//! The kernel's TCP, as iperf3 measures it: neither sealed nor verified.

use std::io::{BufRead as _, BufReader};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::UsageWho;

use crate::ends::Measured;
use crate::report::{Report, cpu_seconds};
use crate::rows::Arguments;

/// One run of both ends. The CPU time of both is shown as the receiver's.
pub fn measure(congestion: &str, arguments: &Arguments) -> Result<Measured> {
    let before = cpu_seconds(UsageWho::RUSAGE_CHILDREN);
    let address = arguments.places.address();
    let mut sender = arguments.places.at_sender(&["iperf3", "-s", "-1", "--forceflush"])?;
    let mut lines = BufReader::new(sender.stdout.take().context("it is piped")?).lines();
    let listening = |line: &String| line.contains("listening");
    lines.by_ref().map_while(Result::ok).find(listening).context("iperf3 does not listen")?;
    let bytes = arguments.bytes().to_string();
    let fetch = ["iperf3", "-c", &address, "-R", "-J", "-C", congestion, "-n", &bytes];
    let output = arguments.places.at_receiver(&fetch)?.wait_with_output()?;
    for _ in lines.map_while(Result::ok) {} // Lest it stops at a full pipe.
    sender.wait()?;
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    ensure!(said["error"].is_null(), "iperf3: {}", said["error"]);
    let sum = &said["end"]["sum_received"];
    let receiver = Report {
        bytes: sum["bytes"].as_u64().context("bytes")?,
        seconds: sum["seconds"].as_f64().context("seconds")?,
        cpu: cpu_seconds(UsageWho::RUSAGE_CHILDREN) - before,
        ..Report::default()
    };
    Ok(Measured { sender: Report::default(), receiver })
}
