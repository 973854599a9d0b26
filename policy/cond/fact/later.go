package fact

import "strings"

// Later reports whether the language has this fact but this build does not.
// It is asked only about names that no table declares.
func Later(name string) bool {
	for _, known := range []string{
		"http.method", "http.host", "http.path", "http.query", "http.query_all", "http.headers", "http.headers_all",
		"http.content_type", "http.size", "http.body", "http.json", "http.form", "http.form_all", "http.args",
		"graphql.operation", "graphql.type", "graphql.fields", "mcp.method", "mcp.tool", "mcp.arguments",
		"jsonrpc.methods", "grpc.service", "grpc.method",
		"git.service", "git.repo", "git.refs", "git.deletes", "aws.service", "aws.action", "aws.resource",
		"llm.provider", "llm.model", "llm.stream", "llm.tools", "llm.max_tokens",
		"usage.tokens_today", "usage.cost_today",
		"k8s.verb", "k8s.group", "k8s.resource", "k8s.subresource", "k8s.namespace", "k8s.name",
		"sql.verb", "sql.verbs", "sql.tables", "sql.reads", "sql.writes", "sql.columns", "sql.functions",
		"sql.has_where", "sql.has_limit", "sql.text", "sql.database", "sql.user", "sql.params", "sql.statements",
	} {
		if name == known || strings.HasPrefix(name, known+".") {
			return true
		}
	}
	return false
}

// Nearest gives the candidate that name most likely meant, or "".
func Nearest(name string, candidates []string) string {
	best, least := "", len(name)/3+2
	for _, c := range candidates {
		if d := distance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is Levenshtein's, counted in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
