package machines

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/providers/emulator"
)

const (
	hostKeyFile = "etc/ssh/ssh_host_ed25519_key"
	defaultUser = "debian"
)

// cloudInit applies user-data to a machine in cloud-init's order: bootcmd at every boot; write_files, host name, users,
// host keys and runcmd once. A part that fails is named on the console and the others go on.
type cloudInit struct {
	computer *computer
	root     *os.Root
	out      *console
	machine  emulator.Machine
	config   cloudConfig
	// noCommands: nothing is run; what writes files is done all the same.
	noCommands bool
}

// early is what cloud-init does before the network's services start. It returns an error only when ctx ended or the
// machine cannot get a host key or a marker.
func (i *cloudInit) early(ctx context.Context) error {
	i.out.printf("cloud-init: machine %s, image %q, address %s", i.machine.ID, i.machine.Image, i.machine.Address)
	var err error
	if i.config, err = parseUserData(i.machine.UserData); err != nil {
		i.failed("user-data", err)
	}
	if err := i.script(ctx, "bootcmd", i.shellScript(i.config.BootCommands)); err != nil {
		return err
	}
	if !i.done(configuredFile) {
		i.writeFiles(false)
		i.hostname()
		i.users()
		i.hostKeys()
		i.writeFiles(true)
		// Marked before SSH answers: from then on the guest may replace its keys, and a boot that starts over after it
		// was interrupted must not bring the first ones back.
		if err := i.mark(configuredFile); err != nil {
			return err
		}
	}
	if err := i.ensureHostKey(); err != nil {
		return fmt.Errorf("making a host key: %w", err)
	}
	return ctx.Err()
}

// final runs runcmd, unless that was done in an earlier boot. It returns an error only when ctx ended or the machine
// cannot remember that it did.
func (i *cloudInit) final(ctx context.Context) error {
	if i.done(finishedFile) {
		return ctx.Err()
	}
	script := i.config.script
	if script == nil {
		script = i.shellScript(i.config.Commands)
	}
	if err := i.script(ctx, "runcmd", script); err != nil {
		return err
	}
	i.out.printf("cloud-init: finished")
	return i.mark(finishedFile)
}

func (i *cloudInit) done(marker string) bool {
	_, err := i.root.Stat(marker)
	return err == nil
}

func (i *cloudInit) mark(marker string) error {
	if err := i.put(marker, []byte(i.machine.ID+"\n"), 0o644); err != nil {
		return fmt.Errorf("marking user-data as applied: %w", err)
	}
	return nil
}

func (i *cloudInit) failed(what string, err error) {
	i.out.printf("cloud-init: FAILED %s: %v", what, err)
	i.computer.log.Warn("user-data failed", "part", what, "error", err)
}

// shellScript joins commands into one script, so that, as in a real guest, a variable or directory that one sets holds
// for the next, and one that fails does not end the script.
func (i *cloudInit) shellScript(commands []command) []byte {
	if len(commands) == 0 {
		return nil
	}
	var script strings.Builder
	script.WriteString("#!/bin/sh\n")
	for _, c := range commands {
		if len(c.words) == 0 {
			script.WriteString(i.computer.shellCommand(c.line) + "\n")
			continue
		}
		quoted := []string{quote(i.computer.inside(c.words[0]))}
		for _, word := range c.words[1:] {
			quoted = append(quoted, quote(word))
		}
		script.WriteString(strings.Join(quoted, " ") + "\n")
	}
	return []byte(script.String())
}

func (i *cloudInit) script(ctx context.Context, name string, script []byte) error {
	if len(script) == 0 || i.noCommands {
		return ctx.Err()
	}
	file := path.Join(instanceDir, "scripts", name)
	if err := i.put(file, script, 0o700); err != nil {
		i.failed(name, err)
		return ctx.Err()
	}
	argv := []string{"/bin/sh", filepath.Join(i.computer.root, file)}
	if i.config.script != nil {
		argv = argv[1:] // its first line names its interpreter
	}
	i.out.printf("cloud-init: running %s", name)
	if err := i.computer.run(ctx, i.out, argv...); err != nil && ctx.Err() == nil {
		i.failed(name, err)
	}
	return ctx.Err()
}

// put writes a file below the machine's root with exactly that mode.
func (i *cloudInit) put(name string, content []byte, mode fs.FileMode) error {
	return i.write(name, content, mode, os.O_TRUNC)
}

func (i *cloudInit) write(name string, content []byte, mode fs.FileMode, how int) (err error) {
	// A program that is open for writing cannot be started, also when a child that another boot is just forking holds
	// the copy: no fork may happen in between.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	file, err := i.root.OpenFile(name, os.O_CREATE|os.O_WRONLY|how, mode&0o700)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Chmod(mode); err != nil { // before the content, which may be secret
		return err
	}
	_, err = file.Write(content)
	return err
}

func (i *cloudInit) writeFiles(deferred bool) {
	for _, f := range i.config.Files {
		if f.Defer != deferred {
			continue
		}
		if err := i.writeFile(f); err != nil {
			i.failed("write_files "+f.Path, err)
		}
	}
}

func (i *cloudInit) writeFile(f file) error {
	name := strings.TrimPrefix(path.Clean("/"+f.Path), "/")
	if f.Path == "" || name == "" {
		return errors.New("no file is named")
	}
	content, err := f.bytes()
	if err != nil {
		return err
	}
	mode, err := f.mode()
	if err != nil {
		return err
	}
	if err := i.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if name == guest.AgentPath { // every machine is lent one, as a link: this machine brings its own
		if err := i.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if f.Append {
		return i.write(name, content, mode, os.O_APPEND)
	}
	return i.put(name, content, mode)
}

func (i *cloudInit) hostname() {
	name := i.config.Hostname
	if name == "" {
		name = i.machine.Name
	}
	if name == "" {
		return
	}
	if err := i.put("etc/hostname", []byte(name+"\n"), 0o644); err != nil {
		i.failed("hostname", err)
	}
}

func (i *cloudInit) users() {
	for _, u := range i.config.Users {
		if u.Name == "default" || len(u.Keys) == 0 {
			continue
		}
		if u.System { // as the real one refuses it, with every user after it
			i.failed("users", fmt.Errorf("not creating user %s: ssh_authorized_keys cannot be provided with system", u.Name))
			break
		}
		if err := i.authorize(u.Name, u.Keys); err != nil {
			i.failed("user "+u.Name, err)
		}
	}
	if len(i.config.DefaultUserKeys) == 0 {
		return
	}
	if i.config.withoutDefaultUser {
		i.failed("ssh_authorized_keys", errors.New("users lists no default user, so these keys open nothing"))
		return
	}
	if err := i.authorize(defaultUser, i.config.DefaultUserKeys); err != nil {
		i.failed("ssh_authorized_keys", err)
	}
}

// authorize adds keys to the user's authorized_keys.
func (i *cloudInit) authorize(name string, keys []string) error {
	file, err := authorizedKeysFile(name)
	if err != nil {
		return err
	}
	dir := path.Dir(file)
	if err := i.root.MkdirAll(path.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := i.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	var lines strings.Builder
	for _, key := range keys {
		lines.WriteString(strings.TrimSpace(key) + "\n")
	}
	return i.write(file, []byte(lines.String()), 0o600, os.O_APPEND)
}

// hostKeys writes the host keys that user-data gives: TYPE_private and TYPE_public.
func (i *cloudInit) hostKeys() {
	for _, name := range slices.Sorted(maps.Keys(i.config.HostKeys)) {
		kind, half, _ := strings.Cut(name, "_")
		file, mode := "etc/ssh/ssh_host_"+kind+"_key", fs.FileMode(0o600)
		switch {
		case kind != "ed25519" && kind != "rsa" && kind != "ecdsa":
			i.failed("ssh_keys", fmt.Errorf("unknown key %q", name))
			continue
		case half == "public":
			file, mode = file+".pub", 0o644
		case half != "private":
			continue // certificates
		}
		text := strings.TrimSpace(i.config.HostKeys[name]) + "\n"
		if err := i.put(file, []byte(text), mode); err != nil {
			i.failed("ssh_keys", err)
		}
	}
}

// ensureHostKey makes an ed25519 host key when there is none that can be read, and its public half when that is missing.
func (i *cloudInit) ensureHostKey() error {
	signer, err := readHostKey(i.root)
	if err == nil {
		if _, err := i.root.Stat(hostKeyFile + ".pub"); err == nil {
			return nil
		}
		return i.put(hostKeyFile+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o644)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		i.failed("host key, so a new one is made", err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, i.machine.Name)
	if err != nil {
		return err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return err
	}
	return errors.Join(
		i.put(hostKeyFile, pem.EncodeToMemory(block), 0o600),
		i.put(hostKeyFile+".pub", ssh.MarshalAuthorizedKey(key), 0o644))
}
