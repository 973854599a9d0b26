package keyring

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"sallyport.dev/sallyport/vault"

	"golang.org/x/crypto/argon2"
)

// How a passphrase becomes a key (RFC 9106, section 4, the second recommendation).
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 4
	saltSize     = 16
	maxMemory    = 1 << 20 // KiB that a file may ask for
)

// ErrPassphrase means that the passphrase does not open the key.
var ErrPassphrase = errors.New("the passphrase is not the one that the key was sealed with")

// Ask asks a person for the passphrase; with again it is a new one, to be given
// twice.
type Ask func(ctx context.Context, again bool) ([]byte, error)

// Passphrase is a key in the file at path, sealed with a passphrase, which is
// asked for once.
func Passphrase(ctx context.Context, path string, fresh bool, ask Ask) (*Ring, error) {
	return passphrase(ctx, path, fresh, ask, argonMemory)
}

func passphrase(ctx context.Context, path string, fresh bool, ask Ask, memory uint32) (*Ring, error) {
	_, err := os.Stat(path)
	phrase, err := ask(ctx, errors.Is(err, os.ErrNotExist) && fresh)
	if err != nil {
		return nil, fmt.Errorf("passphrase of the vault: %w", err)
	}
	return open(ctx, &phrased{vault.NewSecret(phrase), memory}, path, fresh)
}

// phrased keeps the text of a key under a passphrase.
type phrased struct {
	phrase vault.Secret
	memory uint32 // KiB that a new file asks for
}

// A phrasedFile is what is kept.
type phrasedFile struct {
	KDF     string `json:"kdf"`
	Time    uint32 `json:"time"`
	Memory  uint32 `json:"memory_kib"`
	Threads uint8  `json:"threads"`
	Salt    []byte `json:"salt"`
	Sealed  []byte `json:"sealed"` // AES-256-GCM, the nonce first
}

func (p *phrased) load(_ context.Context, path string) ([]byte, error) {
	var f phrasedFile
	if err := readJSON(path, &f); err != nil {
		return nil, err
	}
	if f.KDF != "argon2id" || f.Time < 1 || f.Time > 64 || f.Memory < 8 || f.Memory > maxMemory || f.Threads < 1 || len(f.Salt) < 8 {
		return nil, fmt.Errorf("%s asks for a derivation that is not this program's", path)
	}
	aead, err := p.cipher(&f)
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(nil, nil, f.Sealed, []byte(f.KDF))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, ErrPassphrase)
	}
	return text, nil
}

func (p *phrased) save(_ context.Context, path string, text []byte) error {
	f := phrasedFile{KDF: "argon2id", Time: argonTime, Memory: p.memory, Threads: argonThreads, Salt: make([]byte, saltSize)}
	rand.Read(f.Salt) //nolint:errcheck // crypto/rand.Read never returns an error
	aead, err := p.cipher(&f)
	if err != nil {
		return err
	}
	f.Sealed = aead.Seal(nil, nil, text, []byte(f.KDF))
	return createJSON(path, f)
}

func (p *phrased) cipher(f *phrasedFile) (cipher.AEAD, error) {
	key := argon2.IDKey(p.phrase.Reveal(), f.Salt, f.Time, f.Memory, f.Threads, keySize)
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// A Transit seals and opens with a key that never leaves it.
type Transit interface {
	Encrypt(ctx context.Context, plain []byte) (sealed string, err error)
	Decrypt(ctx context.Context, sealed string) (plain []byte, err error)
}

// Sealed is a key in the file at path, sealed by another service.
func Sealed(ctx context.Context, path string, fresh bool, by Transit) (*Ring, error) {
	return open(ctx, transit{by}, path, fresh)
}

// transit keeps the text of a key as another service seals it.
type transit struct{ by Transit }

type transitFile struct {
	Sealed string `json:"sealed"`
}

func (t transit) load(ctx context.Context, path string) ([]byte, error) {
	var f transitFile
	if err := readJSON(path, &f); err != nil {
		return nil, err
	}
	text, err := t.by.Decrypt(ctx, f.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return text, nil
}

func (t transit) save(ctx context.Context, path string, text []byte) error {
	sealed, err := t.by.Encrypt(ctx, text)
	if err != nil {
		return fmt.Errorf("seal %s: %w", path, err)
	}
	return createJSON(path, transitFile{sealed})
}

func readJSON(path string, v any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}

func createJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return create(path, append(b, '\n'))
}
