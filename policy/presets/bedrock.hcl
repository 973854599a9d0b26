# Amazon Bedrock's runtime, by an API key of Bedrock. Which region is asked is the
# host's matter: state hosts = ["bedrock-runtime.eu-central-1.amazonaws.com"] and
# preset = "bedrock". For an IAM account state auth = aws_sigv4({ … }).
service "bedrock" {
  description = "Amazon Bedrock"
  protocol    = "http"
  auth        = bearer(secret.bedrock)
  env         = ["AWS_BEARER_TOKEN_BEDROCK"]
  posture     = "guarded"
  # The name of a model may be an ARN, with a slash in it.
  path_encoding = "allow"

  # Inference. The path says which model is asked.
  operation "converse" {
    match  = ["POST /model/*/converse", "POST /model/*/converse-stream"]
    effect = "read"
    as     = "llm"
  }
  operation "invoke" {
    match  = ["POST /model/*/invoke", "POST /model/*/invoke-with-response-stream"]
    effect = "read"
    as     = "llm"
  }
  # What is compatible with OpenAI's API
  operation "openai" {
    match  = ["POST /openai/v1/chat/completions", "POST /openai/v1/responses"]
    effect = "read"
    as     = "llm"
  }
  operation "count_tokens" {
    match  = "POST /model/*/count-tokens"
    effect = "read"
  }
  operation "guardrail.apply" {
    match  = "POST /guardrail/*/version/*/apply"
    effect = "read"
  }
  operation "async" {
    match  = "POST /async-invoke"
    effect = "write"
  }
}
