//! "A 2xx is sent only after the change is on stable storage": the real binary with a real
//! directory, killed, starved, lied to about the time, and started again.

mod clocks;
mod disk_faults;
mod full_disk;
mod refusals;
mod restarts;
mod schedules;
mod space;
mod stalled_disk;
mod torture;
