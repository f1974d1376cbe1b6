//! placeholder until the syntax branch lands
/// placeholder
pub fn read(_headers: &[u8], _provider: &crate::model::Provider) -> crate::model::Reading {
    crate::model::Reading::default()
}
