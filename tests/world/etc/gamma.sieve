require ["fileinto", "envelope", "mailbox"];
if header :is "X-Spam" "Yes" { fileinto "垃圾邮件"; stop; }
if envelope :localpart :matches "to" "spam*" { fileinto "垃圾邮件"; stop; }
if envelope :localpart :matches "to" "promo*" { fileinto "Promotions"; stop; }
if envelope :localpart :matches "to" "deep*" { fileinto :create "Archive/Deep"; stop; }
