package pgserver

import (
	"errors"
	"testing"

	"sallyport.dev/sallyport/internal/notrun"

	"github.com/jackc/pgx/v5"
)

func TestAServerTakesItsPassword(t *testing.T) {
	s, err := Start(t.Context(), Options{Password: "secret"})
	if errors.Is(err, ErrMissing) {
		notrun.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := pgx.Connect(t.Context(), s.URL("postgres", "secret", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := pgx.Connect(t.Context(), s.URL("postgres", "wrong", "postgres")); err == nil {
		t.Error("a wrong password was taken")
	}
}
