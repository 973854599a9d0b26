package call

import (
	"strings"

	"sallyport.dev/sallyport/action"
)

// RPC is one JSON-RPC 2.0 message, or a batch of them.
type RPC struct {
	Methods []string `json:"methods,omitempty"` // of the calls, in order; answers have none
	Tools   []string `json:"tools,omitempty"`   // that MCP's tools/call names
	Unclear bool     `json:"unclear,omitempty"`

	arguments *action.Node // of the only tools/call
}

// rpc reads a message (JSON-RPC 2.0, sections 4 to 6). Whatever is not exactly one
// is unclear as a whole.
func rpc(doc *action.Node) *RPC {
	r := new(RPC)
	switch {
	case doc == nil:
		r.Unclear = true
	case doc.Kind == action.NodeList:
		r.Unclear = len(doc.Items) == 0 || len(doc.Items) > maxWords
		for i := range doc.Items {
			if !r.Unclear {
				r.add(&doc.Items[i])
			}
		}
	default:
		r.add(doc)
	}
	if r.Unclear {
		*r = RPC{Unclear: true}
	}
	return r
}

// add reads one message.
func (r *RPC) add(n *action.Node) {
	version, v := n.Word("jsonrpc")
	method, m := n.Word("method")
	_, result := n.Member("result")
	_, failure := n.Member("error")
	answers := result == action.Known || failure == action.Known
	switch {
	case v != action.Known || version != "2.0" || result == action.Unknown || failure == action.Unknown:
		r.Unclear = true
	case m == action.Absent && answers:
	case m != action.Known || answers || !fits(method):
		r.Unclear = true
	default:
		r.Methods = append(r.Methods, method)
		if method == "tools/call" {
			r.tool(n)
		}
	}
}

// tool reads the parameters of MCP's tools/call.
func (r *RPC) tool(n *action.Node) {
	params, state := n.Member("params")
	if state != action.Known {
		r.Unclear = true
		return
	}
	name, state := params.Word("name")
	if state != action.Known || !fits(name) {
		r.Unclear = true
		return
	}
	r.Tools = append(r.Tools, name)
	r.arguments, _ = params.Member("arguments")
}

// Method is the method of the only call.
func (r *RPC) Method() (string, action.State) { return one(r.AllMethods()) }

// Tool is the name that the only tools/call gives.
func (r *RPC) Tool() (string, action.State) { return one(r.AllTools()) }

func one(list []string, s action.State) (string, action.State) {
	switch {
	case s != action.Known:
		return "", s
	case len(list) != 1:
		return "", action.Unknown
	}
	return list[0], action.Known
}

func (r *RPC) list(words []string) ([]string, action.State) {
	switch {
	case r.Unclear:
		return nil, action.Unknown
	case len(words) == 0:
		return nil, action.Absent
	}
	return words, action.Known
}

// AllMethods are the methods of every call.
func (r *RPC) AllMethods() ([]string, action.State) {
	if r == nil {
		return nil, action.Absent
	}
	return r.list(r.Methods)
}

// AllTools are the names that every tools/call gives.
func (r *RPC) AllTools() ([]string, action.State) {
	if r == nil {
		return nil, action.Absent
	}
	return r.list(r.Tools)
}

// Arguments are those of the only tools/call; unknown where the body is gone.
func (r *RPC) Arguments() (*action.Node, action.State) {
	_, state := r.Tool()
	switch {
	case state != action.Known:
		return nil, state
	case r.arguments == nil:
		return nil, action.Unknown
	}
	return r.arguments, action.Known
}

// MCP says what a message of the Model Context Protocol does. What only steers the
// conversation is control.
func (r *RPC) MCP() (e action.Effects, control bool, s action.State) {
	if r == nil || r.Unclear {
		return 0, false, action.Unknown
	}
	control = true
	for _, m := range r.Methods {
		switch {
		case m == "tools/call":
			return action.EffectWrite, false, action.Known
		case m == "initialize", m == "ping", strings.HasPrefix(m, "notifications/"):
		default:
			control = false
		}
	}
	return action.EffectRead, control, action.Known
}
