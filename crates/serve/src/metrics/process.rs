//! What the operating system says about this process, where it says it in `/proc`.

use std::fs;

use super::Text;

/// Ticks of a second in `/proc/self/stat`: the same on every Linux for decades.
const TICKS: f64 = 100.0;

pub(super) fn write(text: &mut Text) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(after_name) {
        let number = |place: usize| stat.get(place).and_then(|number| number.parse::<u64>().ok());
        if let (Some(user), Some(system)) = (number(11), number(12)) {
            let seconds = (user + system) as f64 / TICKS;
            text.single("process_cpu_seconds_total", "counter", "CPU time.", seconds);
        }
        if let (Some(started), Some(booted)) = (number(19), booted()) {
            let seconds = booted + started as f64 / TICKS;
            text.single("process_start_time_seconds", "gauge", "When the process began, in Unix time.", seconds);
        }
    }
    if let Some(bytes) = resident_bytes() {
        text.single("process_resident_memory_bytes", "gauge", "Memory that is in use.", bytes);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        text.single("process_open_fds", "gauge", "Open files and connections.", files.count());
    }
}

/// The fields after the name of the program, which may have spaces and brackets itself.
fn after_name(stat: &str) -> Option<Vec<&str>> {
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace().collect())
}

fn booted() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}
