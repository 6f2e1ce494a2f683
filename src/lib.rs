//! Interdict: a gateway that stops prohibited sales and updates in front of real endpoints, and proves it.

pub mod admin;
pub mod app;
pub mod audit;
pub mod bundle;
pub mod cli;
pub mod config;
pub mod control;
pub mod enforcement;
pub mod evidence;
pub mod gateway;
pub mod geo;
pub mod identity;
pub mod ledger;
pub mod merkle;
pub mod message;
pub mod model;
pub mod notify;
pub mod operators;
pub mod output;
pub mod policy;
pub mod registry;
pub mod replay;
pub mod screening;
pub mod settings;
pub mod telemetry;
pub mod witness;
