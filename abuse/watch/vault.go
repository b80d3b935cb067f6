package watch

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
)

// Vault is a folder of secrets: the keys of epochs and generations, and state files. It is
// beside the store and not in it, so that what is erased here is gone: a database keeps old pages
// in logs, copies and backups, and without the keys they are noise. Back the vault up only
// to where it can be erased as well.
//
// Each secret is a file, sealed with AES-256-GCM under a key of the caller's secret manager and
// bound to its name. The zero Vault cannot be used. It is safe for concurrent use, also by several
// processes on one folder where the system has flock(2). It does not print what it holds.
type Vault struct {
	dir  string
	seal cipher.AEAD
}

const (
	vaultMagic = "H&C-V"
	vaultV1    = 1
	maxSecret  = 64 << 10
	vaultAside = ".new-" // begins the name of a file that is being written: no secret's does so
)

// ErrVault says that a file of the vault is damaged, of another name, or of another key, or that one is
// missing which the store's rows were made under. Then the folder must be restored from a copy; without one
// nothing opens any more what the store has of the agreement, and it begins again in an empty store.
var ErrVault = errors.New("watch: a file of the vault is missing, damaged or of another key")

// ErrVaultVersion says that a file of the vault was written by a newer version; it is untouched.
var ErrVaultVersion = errors.New("watch: a file of the vault is of a newer version")

var errVaultName = errors.New("watch: names in the vault are 1 to 200 of a-z, 0-9, '-' and '.', and do not begin with '.'")

// OpenVault opens the folder, made with mode 0700 if it is not there. A folder that others may
// read is refused. The key is 256 bits of a secret manager; every vault needs the one it was
// written with. It panics on the zero Key.
func OpenVault(dir string, key hashing.Key) (*Vault, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, errors.New("watch: others may read the vault's folder; make it mode 0700")
	}
	secret := key.Secret("watch/vault/v1", 32)
	defer clear(secret)
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	v := &Vault{dir, aead}
	return v, v.locked(v.sweep)
}

// lost says that a key is missing which the store counts on.
func lost(what string) error {
	return fmt.Errorf("watch: the vault has lost %s; restore its folder, or begin again with an empty store: %w", what, ErrVault)
}

// locked runs f while nobody else, in this process or another, writes in the folder.
func (v *Vault) locked(f func() error) error {
	dir, err := os.Open(v.dir)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // and with it the lock
	if err := lockFile(dir); err != nil {
		return err
	}
	return f()
}

// sweep erases, under the lock, what a crash has left half written: it was never acknowledged, and
// whoever is writing holds the lock.
func (v *Vault) sweep() error {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), vaultAside) && e.Type().IsRegular() {
			if err := v.erase(filepath.Join(v.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *Vault) path(name string) (string, error) {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return "", errVaultName
		}
	}
	if len(name) < 1 || len(name) > 200 || name[0] == '.' {
		return "", errVaultName
	}
	return filepath.Join(v.dir, name), nil
}

// Load gives a secret. The error is fs.ErrNotExist if there is none, [ErrVault] or
// [ErrVaultVersion].
func (v *Vault) Load(name string) ([]byte, error) {
	path, err := v.path(name)
	if err != nil {
		return nil, err
	}
	var secret []byte
	err = v.locked(func() error { // or a file that is being overwritten would be read
		secret, err = v.load(name, path)
		return err
	})
	return secret, err
}

// load is [Vault.Load] under the lock.
func (v *Vault) load(name, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1024))
	if err != nil {
		return nil, err
	}
	head := len(vaultMagic) + 1
	if len(data) < head || string(data[:len(vaultMagic)]) != vaultMagic {
		return nil, ErrVault
	}
	if data[len(vaultMagic)] != vaultV1 {
		return nil, ErrVaultVersion
	}
	body := data[head:]
	if len(body) < v.seal.NonceSize() {
		return nil, ErrVault
	}
	n := v.seal.NonceSize()
	secret, err := v.seal.Open(nil, body[:n], body[n:], v.bound(data[:head], name))
	if err != nil {
		return nil, ErrVault
	}
	return secret, nil
}

func (v *Vault) bound(head []byte, name string) []byte { return joined(head, []byte(name)) }

// Save keeps a secret of at most 64 KiB, durably, in the place of the one with its name, which is
// overwritten; but not where that is of a newer version: [ErrVaultVersion].
func (v *Vault) Save(name string, secret []byte) error {
	path, err := v.path(name)
	if err != nil {
		return err
	}
	return v.locked(func() error { return v.save(name, path, secret) })
}

// alter puts what f makes of a secret, nil if there is none, in its place, and gives what is kept
// then. It is the one way for processes that begin at the same time to agree on a key: nobody
// writes between what f is given and what it makes. If that is the same nothing is written.
func (v *Vault) alter(name string, f func(old []byte) ([]byte, error)) ([]byte, error) {
	path, err := v.path(name)
	if err != nil {
		return nil, err
	}
	var kept []byte
	err = v.locked(func() error {
		old, err := v.load(name, path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if kept, err = f(old); err != nil || old != nil && bytes.Equal(old, kept) {
			return err
		}
		return v.save(name, path, kept)
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

// save is [Vault.Save] under the lock.
func (v *Vault) save(name, path string, secret []byte) error {
	if len(secret) > maxSecret {
		return fmt.Errorf("watch: a secret of %d bytes is too long for the vault", len(secret))
	}
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = nil, nil
	}
	if err == nil && old != nil && newer(old) {
		err = errors.Join(ErrVaultVersion, old.Close())
	}
	if err != nil {
		return err
	}
	head := append([]byte(vaultMagic), vaultV1)
	nonce := make([]byte, v.seal.NonceSize())
	rand.Read(nonce)
	data := v.seal.Seal(append(head, nonce...), nonce, secret, v.bound(head, name))
	aside, err := v.writeAside(data)
	if err == nil {
		if err = os.Rename(aside, path); err == nil {
			err = v.sync()
		}
	}
	if err != nil {
		_ = os.Remove(aside)
		if old != nil {
			_ = old.Close()
		}
		return err
	}
	if old == nil {
		return nil
	}
	return overwrite(old)
}

// newer says whether a file was written by a newer version.
func newer(f *os.File) bool {
	head := make([]byte, len(vaultMagic)+1)
	_, err := f.ReadAt(head, 0)
	return err == nil && string(head[:len(vaultMagic)]) == vaultMagic && head[len(vaultMagic)] > vaultV1
}

// writeAside writes a new file, durably, and gives its path.
func (v *Vault) writeAside(data []byte) (string, error) {
	f, err := os.CreateTemp(v.dir, vaultAside) // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
	}
	return f.Name(), err
}

// overwrite writes noise over a file and closes it. On a disk that writes in other places than it
// is told to this is not enough: there the sealing under the caller's key is what is left.
func overwrite(f *os.File) error {
	info, err := f.Stat()
	if err == nil {
		noise := make([]byte, 64<<10)
		rand.Read(noise)
		for at := int64(0); at < info.Size() && err == nil; at += int64(len(noise)) {
			_, err = f.WriteAt(noise[:min(int64(len(noise)), info.Size()-at)], at)
		}
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// Erase overwrites and removes a secret or a state file. That there is none is no error.
func (v *Vault) Erase(name string) error {
	path, err := v.path(name)
	if err != nil {
		return err
	}
	return v.locked(func() error { return v.erase(path) })
}

// erase is [Vault.Erase] under the lock.
func (v *Vault) erase(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := overwrite(f); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return v.sync()
}

// Names gives the names that begin with prefix, ascending.
func (v *Vault) Names(prefix string) ([]string, error) {
	all, err := v.list()
	return slices.DeleteFunc(all, func(name string) bool {
		return !strings.HasPrefix(name, prefix)
	}), err
}

func (v *Vault) list() ([]string, error) {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name()[0] != '.' {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// OpenState opens a state file of [linkage.Config], to be read and written, made if it is not
// there. Such a file is sealed by package linkage; the caller closes it.
func (v *Vault) OpenState(name string) (*os.File, error) {
	path, err := v.path(name)
	if err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// idle says whether a file has not been written to for so long.
func (v *Vault) idle(name string, long time.Duration) bool {
	info, err := os.Stat(filepath.Join(v.dir, name))
	return err == nil && time.Since(info.ModTime()) > long
}

const vaultHold = ".hold-" // begins the name of a file that says that somebody is alive

// held is a process's word that it is at work on something. The zero held, and nil, is none.
type held struct{ file *os.File }

// hold says that this process is at work on something, until it lets go or has died, however that
// comes: the system gives back the lock of a file. If it gives nil somebody else is at work on it.
// Where the system has no flock(2) nobody ever seems to be.
func (v *Vault) hold(name string) (*held, error) {
	f, err := os.OpenFile(filepath.Join(v.dir, vaultHold+name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if ok, err := tryLock(f); err != nil || !ok {
		return nil, errors.Join(err, f.Close())
	}
	return &held{f}, nil
}

// release lets go of what is done.
func (h *held) release() {
	if h != nil {
		_ = os.Remove(h.file.Name()) // before others can have it; what is left is an empty file
		_ = h.file.Close()
	}
}

// leave lets go of what is not done, as death does: the file stays, as a sign for others.
func (h *held) leave() { _ = h.file.Close() }

// knows says whether the folder has a secret, or a sign that somebody is or was at work on it.
func (v *Vault) knows(name string) bool {
	for _, file := range []string{name, vaultHold + name} {
		if _, err := os.Stat(filepath.Join(v.dir, file)); err == nil {
			return true
		}
	}
	return false
}

// sync makes what was renamed or removed durable.
func (v *Vault) sync() error {
	d, err := os.Open(v.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Format prints the type and nothing of the content, whatever the verb.
func (v *Vault) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "watch.Vault") }
