//! Platforms by preset: every way to order is judged, or refused.

mod magento;
mod partner;
mod shopify;
mod woocommerce;
