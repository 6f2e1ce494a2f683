//! What operations rely on: files that change, disks that fill, processes that end, logs that keep secrets.

mod command_line;
mod configuration;
mod containers;
mod deploy;
mod drain;
mod evidence;
mod logs;
mod record;
mod reload;
mod supervised;

pub(crate) use reload::POLICY;
