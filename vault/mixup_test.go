package vault

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
)

// badge is a Minter whose tokens are for who logs in.
type badge struct{}

func (badge) Mint(_ context.Context, auth action.Auth, _ []Secret) (Minted, error) {
	return Minted{
		As:    action.Auth{Scheme: "password", Name: auth.Name, Least: "password"},
		Value: NewSecret([]byte("the-token-of-" + auth.Name)), Until: time.Now().Add(time.Hour),
	}, nil
}

// Two accounts that one key signs tokens for are two accounts: nobody logs in as the
// other's user, and the tokens of both are looked for.
func TestATokenIsOfItsOwnUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := open(t, newMemory())
		v.Mint(map[string]Minter{"aws_rds_iam": badge{}})
		put(t, v, "id", "the-id-of-the-key")
		put(t, v, "key", "the-key-itself")
		users := []string{"owner", "reader", "writer", "auditor", "owner"}
		for i, user := range users {
			c, err := v.Credential(t.Context(), action.Auth{Scheme: "aws_rds_iam", Name: user, Spec: `{"endpoint":"db.test:5432"}`, Secrets: []string{"id", "key"}})
			if err != nil {
				t.Fatal(err)
			}
			name, password, err := c.Password()
			if err != nil || name != user || string(password.Reveal()) != "the-token-of-"+user {
				t.Errorf("%s logs in as %s by %s: %v", user, name, password.Reveal(), err)
			}
			for _, before := range users[:i+1] {
				if text := "the-token-of-" + before; c.Used().MaskString(text) == text {
					t.Errorf("%s is not looked for", text)
				}
			}
		}
	})
}
