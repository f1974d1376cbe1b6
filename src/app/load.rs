//! Reading a configuration, with what only the parts that will use it can check.

use std::path::Path;

use crate::config::{self, ConfigErrors, Loaded, Problem};
use crate::model::MessageSource;
use crate::probe::compose;

/// Reads the configuration in `file` and checks the templates that its probes send.
///
/// # Errors
/// Everything that is wrong with the file; where nothing is, everything that is wrong with its templates.
pub fn load(file: &Path) -> Result<Loaded, ConfigErrors> {
    let loaded = config::load(file)?;
    let mut errors = Vec::new();
    for probe in loaded.config.plan.probes.values() {
        let MessageSource::Template(text) = &probe.message else { continue };
        for problem in compose::check(text).err().into_iter().flatten() {
            let message = format!("the template of the probe {}, {problem}", probe.name);
            errors.push(Problem { file: file.display().to_string(), line: 0, column: 0, message });
        }
    }
    if errors.is_empty() { Ok(loaded) } else { Err(ConfigErrors { errors, warnings: loaded.warnings }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_a_template_is_told_with_its_line() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/config/template/bad.yaml");
        let said = load(Path::new(file)).unwrap_err().to_string().replace(file, "bad.yaml");
        assert_eq!(
            said,
            "bad.yaml: the template of the probe receipts, line 2: unknown placeholder {{nmber}}: did you mean {{number}}?\n\
             bad.yaml: the template of the probe receipts, line 5: unknown placeholder {{tokn}}: did you mean {{token}}?"
        );
        let good = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/config/template/good.yaml");
        assert_eq!(load(Path::new(good)).unwrap().config.plan.probes.len(), 1);
    }
}
