//! The program as a user meets it: every test runs the real binary on a real directory.

#![allow(clippy::unwrap_used)]

mod acceptance;
mod access;
mod aged;
mod archive;
mod archive_faults;
mod archive_model;
mod bad_input;
mod crash;
mod decisions;
mod demo;
mod duty;
mod erase;
mod explain;
mod export;
mod golden;
mod hold;
mod http;
mod import;
mod incident;
mod large;
mod limit;
mod note;
mod privacy;
mod program;
mod readers;
mod report;
mod retention_over_years;
mod review;
mod scan;
mod serve;
mod terminal;
mod tls;
mod values;
mod verify;
mod wire;
