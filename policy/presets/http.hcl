# Any HTTP API. State the hosts; without operations the method says what a
# request does: reads pass, writes ask, DELETE is refused.
service "http" {
  description = "An HTTP API, judged by method"
  protocol    = "http"
  posture     = "guarded"
}
