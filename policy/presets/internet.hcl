# Every public name that no service declares: seen and counted, not opened. It
# takes no secret and reaches no private address.
service "internet" {
  description = "Public hosts that no other service names; TLS is passed on unseen"
  protocol    = "http"
  hosts       = ["*"]
  passthrough = true
  posture     = "open"
}
