package judge

// turns bounds the calls that each agent has at the same time. The zero turns is
// ready; callers lock.
type turns map[string]*turn

type turn struct {
	calls chan struct{} // a token each
	users int           // questions that wait for one, or have it
}

// take gives where a question of the agent waits for its turn, until give.
func (t *turns) take(agent string) chan struct{} {
	if *t == nil {
		*t = make(turns)
	}
	if (*t)[agent] == nil {
		(*t)[agent] = &turn{calls: make(chan struct{}, maxAgentCalls)}
	}
	(*t)[agent].users++
	return (*t)[agent].calls
}

// give forgets an agent with the last of its questions.
func (t *turns) give(agent string) {
	at := (*t)[agent]
	if at.users--; at.users == 0 {
		delete(*t, agent)
	}
}
