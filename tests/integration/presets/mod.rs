//! Platforms by preset: every way to order is judged, or refused.

mod magento;
mod partner;
mod races;
mod shopify;
pub(crate) mod woocommerce;
