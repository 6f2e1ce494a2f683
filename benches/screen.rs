//! Screening a million past orders: rows a second and the most memory that was resident, by the release program.
//!
//! The rows are what a shop has: most hold nothing covered, one in ten does, one in twenty is from the United States.

mod program;

use program::peak_of;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const MAP: &str = "action = \"resale\"\norder = \"order_id\"\n[time]\nzone = \"UTC\"\n[columns]\nat = \"created\"\nsku = \"sku\"\nname = \"name\"\nvendor = \"vendor\"\nquantity = \"quantity\"\nbilling_country = \"billing_country\"\nshipping_country = \"shipping_country\"\nip = \"ip\"\nemail = \"email\"\n";

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { 5 };
    let sizes: &[u64] = if rounds == 1 { &[20_000] } else { &[100_000, 1_000_000, 4_000_000] };
    for rows in sizes {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("orders.csv");
        let map = dir.path().join("map.toml");
        generate(&file, *rows)?;
        std::fs::write(&map, MAP)?;
        let size = std::fs::metadata(&file)?.len();
        for _ in 0..rounds {
            let began = Instant::now();
            let peak = screen(&file, &map, &dir.path().join("report"))?;
            let took = began.elapsed();
            let millis = u64::try_from(took.as_millis())?.max(1);
            let rate = rows.saturating_mul(1000).checked_div(millis).unwrap_or(0);
            let mut line = String::new();
            write!(line, "{rows} rows, {} MB: {:.2} s, ", size >> 20, took.as_secs_f64())?;
            write!(line, "{rate} rows/s, peak {peak} kB resident")?;
            writeln!(std::io::stdout(), "{line}")?;
        }
    }
    Ok(())
}

/// Runs the program; the peak of its resident memory in kB, 0 where the system does not tell.
fn screen(file: &Path, map: &Path, out: &Path) -> Result<u64, Box<dyn Error>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interdict"));
    peak_of(command.arg("screen").arg(file).arg("--map").arg(map).arg("--out").arg(out))
}

/// Writes `rows` rows.
fn generate(path: &Path, rows: u64) -> Result<(), Box<dyn Error>> {
    const COUNTRIES: [&str; 8] = ["DE", "FR", "NL", "GB", "PL", "CH", "AT", "IT"];
    const GOODS: [[&str; 3]; 6] = [
        ["PSU-750-GOLD", "Power supply 750 W, modular", "Corsair"],
        ["USB-C-2M", "USB-C cable 2 m, braided", "Anker"],
        ["SKU-77-NVME", "Solid state drive 2 TB, NVMe", "Samsung"],
        ["MON-27-4K", "Monitor 27\" 4K", "Dell"],
        ["WIN-11-PRO", "Windows 11 Pro, licence", "Microsoft"],
        ["KB-MECH-DE", "Mechanical keyboard, German", "Cherry"],
    ];
    const COVERED: [&str; 3] = ["KL1047GDEFS", "Kaspersky Premium, 5 devices, 1 year", "Kaspersky"];
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(
        file,
        "order_id,created,sku,name,vendor,quantity,billing_country,shipping_country,ip,email"
    )?;
    // A linear congruence is as good as chance here, and the same everywhere.
    let mut chance = 12_345_u64;
    for row in 0..rows {
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = |shift: u32, of: u64| (chance >> shift).checked_rem(of).unwrap_or(0);
        let us = pick(20, 20) == 0;
        let country = usize::try_from(pick(24, 8))?;
        let country = if us { "US" } else { COUNTRIES.get(country).copied().unwrap_or("DE") };
        let goods = GOODS.get(usize::try_from(pick(28, 6))?).unwrap_or(&COVERED);
        let [sku, name, vendor] = if pick(34, 10) == 0 { &COVERED } else { goods };
        let name = name.replace('"', "\"\"");
        let ip = if us { "8.8.8" } else { "87.128.0" };
        writeln!(
            file,
            "{},2024-{:02}-{:02} {:02}:{:02}:{:02},{sku},\"{name}\",{vendor},{},{country},{country},{ip}.{},buyer{row}@shop.example",
            100_000_u64.saturating_add(row),
            pick(38, 12).saturating_add(1),
            pick(42, 28).saturating_add(1),
            pick(46, 24),
            pick(50, 60),
            pick(54, 60),
            pick(22, 4).saturating_add(1),
            pick(30, 250).saturating_add(1),
        )?;
    }
    file.flush()?;
    Ok(())
}
