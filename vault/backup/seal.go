package backup

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"filippo.io/age"
)

// minPassphrase is what a passphrase must be long at least, in characters.
const minPassphrase = 12

// Strong fails if a passphrase is too short for a backup.
func Strong(passphrase string) error {
	if utf8.RuneCountInString(passphrase) < minPassphrase {
		return fmt.Errorf("%d characters or more, please: whoever has the file can try passphrases for ever", minPassphrase)
	}
	return nil
}

// Recipients gives those who will be able to open an archive: age keys ("age1…"),
// or whoever knows the passphrase.
func Recipients(keys []string, passphrase string) ([]age.Recipient, error) {
	switch {
	case len(keys) > 0 && passphrase != "":
		return nil, errors.New("a backup is sealed with a passphrase or for recipients, not both")
	case passphrase != "":
		if err := Strong(passphrase); err != nil {
			return nil, err
		}
		r, err := age.NewScryptRecipient(passphrase)
		if err != nil {
			return nil, err
		}
		return []age.Recipient{r}, nil
	case len(keys) == 0:
		return nil, errors.New("a backup needs a recipient or a passphrase")
	}
	var list []age.Recipient
	for _, k := range keys {
		r, err := age.ParseRecipients(strings.NewReader(k))
		if err != nil {
			return nil, fmt.Errorf("recipient %q is no age key, like age1…", k)
		}
		list = append(list, r...)
	}
	return list, nil
}

// Identities reads what opens an archive: the text of an age identity file, or a
// passphrase.
func Identities(file []byte, passphrase string) ([]age.Identity, error) {
	if passphrase != "" {
		id, err := age.NewScryptIdentity(passphrase)
		if err != nil {
			return nil, err
		}
		return []age.Identity{id}, nil
	}
	ids, err := age.ParseIdentities(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("it holds no age identity, as age-keygen writes it: %w", err)
	}
	return ids, nil
}
