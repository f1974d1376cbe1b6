require ["fileinto", "envelope"];
if envelope :localpart :matches "to" "spam*" { fileinto "Spam"; stop; }
