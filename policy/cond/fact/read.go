package fact

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond/kleene"
)

// Reader gives the reading of a fact without a key. S is whatever else its
// caller's functions take, so that none needs to stand between.
func Reader[S any](f *Fact) func(*Env, S) kleene.Value {
	read := reader[S](f)
	if f.Readings == 0 {
		return read
	}
	return func(env *Env, s S) kleene.Value {
		if state := env.Reading(f.Readings); state != action.Known {
			return kleene.Missing(state, 0)
		}
		return read(env, s)
	}
}

func reader[S any](f *Fact) func(*Env, S) kleene.Value {
	cost := f.Spec.Cost
	switch {
	case f.Spec.Str != nil:
		return func(env *Env, _ S) kleene.Value {
			s, state := f.Spec.Str(f.Subject(env))
			if state != action.Known {
				return kleene.Missing(state, cost)
			}
			return kleene.Text(s)
		}
	case f.Spec.Num != nil:
		return func(env *Env, _ S) kleene.Value {
			n, state := f.Spec.Num(f.Subject(env))
			if state != action.Known || n != n {
				return kleene.Missing(state, cost)
			}
			return kleene.Number(n)
		}
	case f.Spec.Bool != nil:
		return func(env *Env, _ S) kleene.Value {
			b, state := f.Spec.Bool(f.Subject(env))
			if state != action.Known {
				return kleene.Missing(state, cost)
			}
			return kleene.Bool(b)
		}
	case f.Spec.Document != nil:
		return func(env *Env, _ S) kleene.Value {
			n, state := f.Spec.Document(f.Subject(env))
			if state != action.Known {
				return kleene.Missing(state, cost)
			}
			return kleene.Of(n)
		}
	default:
		return func(env *Env, _ S) kleene.Value {
			l, state := f.Spec.List(f.Subject(env))
			if state != action.Known {
				return kleene.Missing(state, cost)
			}
			return kleene.Texts(l)
		}
	}
}

// KeyReader gives the reading of a keyed fact.
func (f *Fact) KeyReader() func(*Env, string) kleene.Value {
	cost := f.Spec.Cost
	if f.Spec.Key == nil {
		return func(env *Env, key string) kleene.Value {
			l, state := f.Spec.KeyList(f.Subject(env), key)
			if state != action.Known {
				return kleene.Missing(state, cost)
			}
			return kleene.Texts(l)
		}
	}
	return func(env *Env, key string) kleene.Value {
		s, state := f.Spec.Key(f.Subject(env), key)
		if state != action.Known {
			return kleene.Missing(state, cost)
		}
		return kleene.Text(s)
	}
}
