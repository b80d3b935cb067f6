package watch

import (
	"os"

	"github.com/hueandcry/hueandcry/hashing"
)

// Vault is a folder of secrets.
type Vault struct{}

// OpenVault opens the folder.
func OpenVault(dir string, key hashing.Key) (*Vault, error) { panic("not yet") }

// Load gives a secret; fs.ErrNotExist if there is none.
func (v *Vault) Load(name string) ([]byte, error) { panic("not yet") }

// Save keeps a secret in the place of the one with its name.
func (v *Vault) Save(name string, secret []byte) error { panic("not yet") }

// Erase overwrites and removes a secret or a state file; none is no error.
func (v *Vault) Erase(name string) error { panic("not yet") }

// Names gives the names that begin with prefix, ascending.
func (v *Vault) Names(prefix string) ([]string, error) { panic("not yet") }

// OpenState opens a state file, to be read and written, made if it is not there.
func (v *Vault) OpenState(name string) (*os.File, error) { panic("not yet") }
