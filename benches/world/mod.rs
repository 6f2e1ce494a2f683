//! What the decision benchmark decides in: generated policies, a customer registry of real size, and transactions.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;

use interdict::model::CustomerLookup as _;
use interdict::model::Transaction;
use interdict::model::Verdict;
use interdict::policy::PolicySet;
use interdict::policy::cases::gather_stated;
use interdict::policy::load_texts;
use interdict::registry::Customers;

const SHIPPED: &str = include_str!("../../policies/us-commerce-kaspersky.toml");
/// How many rules a generated file holds: one authority rarely lists more.
const RULES_A_FILE: usize = 100;
/// Every tenth customer is in the United States.
const US_EVERY: usize = 10;

/// A transaction to decide again and again, each time for another customer.
pub(crate) struct Scenario {
    /// What it is called in the report.
    pub(crate) name: &'static str,
    /// What the decision must be.
    pub(crate) verdict: Verdict,
    accounts: Vec<String>,
    transaction: Transaction,
}

impl Scenario {
    /// The four scenarios of the issue, and an item that names nothing, which every rule of its action has to look at.
    pub(crate) fn all() -> Result<[Self; 5], Box<dyn Error>> {
        let order = |country: &str, first: &str| {
            format!(
                r#"{{"at":"2025-03-01T12:00:00Z","action":"resale","items":[{first},
                {{"sku":"PSU-750-GOLD","name":"Power supply 750 W, modular","vendor":"Corsair","quantity":1}},
                {{"sku":"USB-C-2M","name":"USB-C cable 2 m, braided","vendor":"Anker","quantity":2}}],
                "buyer":{{"account":"A-1","billing_country":"{country}","shipping_country":"{country}",
                "email":"buyer@shop.example","ip":"203.0.113.7","ip_country":"{country}"}}}}"#
            )
        };
        let covered = r#"{"sku":"KL1047GDEFS","name":"Kaspersky Premium, 5 devices, 1 year","vendor":"Kaspersky"}"#;
        let ordinary =
            r#"{"sku":"SKU-77-NVME","name":"Solid state drive 2 TB, NVMe","vendor":"Samsung"}"#;
        let update = |country: &str| {
            format!(
                r#"{{"at":"2025-03-01T12:00:00Z","action":"signature_update",
                "buyer":{{"account":"A-1","ip":"203.0.113.7","ip_country":"{country}"}},
                "request":{{"host":"mirror.shop.example","path":"/mirror/bases/av/kdb/i386/base001.kdc"}}}}"#
            )
        };
        Ok([
            Self::read("foreign-update", Verdict::Allow, false, &update("DE"))?,
            Self::read("us-update", Verdict::Block, true, &update("US"))?,
            Self::read("us-order-of-three", Verdict::Block, true, &order("US", covered))?,
            Self::read("nothing-covered", Verdict::Allow, false, &order("DE", ordinary))?,
            Self::read("unidentified", Verdict::Review, true, &order("US", r#"{"quantity":1}"#))?,
        ])
    }

    fn read(
        name: &'static str,
        verdict: Verdict,
        us: bool,
        json: &str,
    ) -> Result<Self, Box<dyn Error>> {
        let mut transaction = Transaction::from_json(json.as_bytes())?;
        gather_stated(&mut transaction);
        if let Some(request) = &mut transaction.request {
            request.readings = request.path.iter().map(|path| path.as_str().into()).collect();
        }
        // Spread over the whole registry, so that a look-up finds cold memory as it does in life.
        let accounts = (0..4096_usize).map(|i| {
            let at = i.wrapping_mul(7919).wrapping_add(i.wrapping_mul(i)) % CUSTOMERS;
            let at = at.wrapping_sub(at % US_EVERY);
            account(if us { at } else { at.wrapping_add(1) })
        });
        Ok(Self { name, verdict, accounts: accounts.collect(), transaction })
    }

    /// The transaction for the `turn`th customer, looked up.
    pub(crate) fn turn(&mut self, turn: usize, customers: &Customers) -> &Transaction {
        let account = self.accounts.get(turn % self.accounts.len());
        self.transaction.buyer.customer = account.and_then(|account| customers.find(account));
        &self.transaction
    }
}

/// How many customers the registry holds.
pub(crate) const CUSTOMERS: usize = 270_000;

fn account(i: usize) -> String {
    format!("A-{i:06}")
}

/// A registry of [`CUSTOMERS`], read from a file as the gateway reads it.
pub(crate) fn customers() -> Result<Customers, Box<dyn Error>> {
    const FOREIGN: [&str; 9] = ["DE", "FR", "NL", "GB", "JP", "BR", "IN", "PL", "CH"];
    let mut csv = String::from("account,organization_country,billing_country,us_person,email\n");
    for i in 0..CUSTOMERS {
        let foreign = FOREIGN.get(i % FOREIGN.len()).copied().unwrap_or("DE");
        let country = if i % US_EVERY == 0 { "US" } else { foreign };
        let us = country == "US";
        writeln!(csv, "{},{country},{country},{us},c{i}@customer.example", account(i))?;
    }
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(csv.as_bytes())?;
    Ok(Customers::load(file.path())?)
}

/// `rules` rules: one on the shipped policy's products, and others each on a product, vendor and host of its own.
pub(crate) fn policies(rules: usize) -> Result<PolicySet, Box<dyn Error>> {
    let groups = SHIPPED.split_once("[[rule]]").map_or(SHIPPED, |(groups, _)| groups);
    let mut files = vec![groups.to_owned() + &rule("kaspersky", "kaspersky.covered")];
    for i in 1..rules {
        if i % RULES_A_FILE == 1 {
            files.push(format!(
                "[policy]\nid = \"generated-{i}\"\ntitle = \"t\"\nauthority = \"a\"\ncitation = \"c\"\nversion = \"1\"\n"
            ));
        }
        let word = word(i);
        let file = files.last_mut().ok_or("there is a first file")?;
        // Half of the shapes begin alike, as one maker's do; the others have a beginning of their own.
        let sku = if i % 2 == 0 {
            format!("SKU{i}[0-9]{{4}}")
        } else {
            format!("{}[0-9]{{4}}[A-Z]{{2}}", word.to_uppercase())
        };
        write!(
            file,
            "[[vendor]]\nid = \"{word}\"\nnames = [\"*{word}*\", \"{word} systems\"]\n\
             [[product]]\nid = \"{word}.goods\"\nkind = \"covered\"\nvendors = [\"{word}\"]\ncatch_all = true\n\
             names = [\"{word} gateway\", \"security {word}\"]\nskus = ['{sku}']\nhosts = [\"*.{word}.example\"]\n"
        )?;
        file.push_str(&rule(&word, &format!("{word}.goods")));
    }
    let names: Vec<_> = (0..files.len()).map(|i| format!("{i:04}.toml")).collect();
    let files: Vec<_> =
        names.iter().map(String::as_str).zip(files.iter().map(String::as_str)).collect();
    let set = load_texts(&files).map_err(|errors| errors.render(false))?;
    assert_eq!(set.rule_count(), rules, "a rule was lost");
    Ok(set)
}

fn rule(id: &str, product: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\nclause = \"{id}\"\nbasis = \"text\"\n\
         actions = [\"resale\", \"signature_update\"]\nproducts = [\"{product}\"]\nnexus = [\"buyer\"]\n\
         effective = 2024-09-29T00:00:00-04:00\nus = \"block\"\nunclear = \"review\"\nmessage = \"m\"\n"
    )
}

/// A word for a number: two syllables and more, no two alike.
fn word(mut i: usize) -> String {
    const SYLLABLES: [&str; 20] = [
        "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su",
        "ta", "ve", "wi", "xo", "zu",
    ];
    let mut word = String::new();
    for _ in 0..4 {
        word.push_str(SYLLABLES.get(i % SYLLABLES.len()).copied().unwrap_or_default());
        i /= SYLLABLES.len();
    }
    word
}
