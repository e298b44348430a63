package machines

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Nova accepts 64 KiB of user-data; a little of it could unpack to very much.
const unpackedLimit = 16 << 20

// A cloudConfig is the part of cloud-init's #cloud-config that a guest of ours uses; other keys are ignored
// (https://cloudinit.readthedocs.io/en/latest/reference/modules.html).
type cloudConfig struct {
	Hostname           string            `yaml:"hostname"`
	BootCommands       []command         `yaml:"bootcmd"`
	Files              []file            `yaml:"write_files"`
	HostKeys           map[string]string `yaml:"ssh_keys"`
	DefaultUserKeys    words             `yaml:"ssh_authorized_keys"`
	Users              []user            `yaml:"users"`
	Commands           []command         `yaml:"runcmd"`
	script             []byte            // user-data that is a script instead
	withoutDefaultUser bool
}

// A command is one line for a shell, or a list of words that no shell splits.
type command struct {
	line  string
	words []string
}

type file struct {
	Path        string `yaml:"path"`
	Content     string `yaml:"content"`
	Encoding    string `yaml:"encoding"`
	Permissions string `yaml:"permissions"`
	Append      bool   `yaml:"append"`
	Defer       bool   `yaml:"defer"`
}

type user struct {
	Name   string `yaml:"name"`
	Keys   words  `yaml:"ssh_authorized_keys"`
	System bool   `yaml:"system"`
}

// words is a list that may be written as one string.
type words []string

// parseUserData reads user-data. With an error it returns what could be read all the same, as cloud-init goes on with
// the modules whose part is right.
func parseUserData(data []byte) (cloudConfig, error) {
	var config cloudConfig
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		unpacked, err := gunzip(data)
		if err != nil {
			return config, fmt.Errorf("unpacking user-data: %w", err)
		}
		data = unpacked
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	switch header := strings.TrimSpace(string(first)); {
	case len(bytes.TrimSpace(data)) == 0:
		return config, nil
	case strings.HasPrefix(header, "#!"):
		config.script = data
		return config, nil
	case header != "#cloud-config":
		return config, fmt.Errorf("unhandled user-data that begins with %q: want #cloud-config or a script", clip(header, 40))
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		return config, fmt.Errorf("reading #cloud-config: %w", err)
	}
	if config.Users != nil {
		config.withoutDefaultUser = true
		for _, u := range config.Users {
			if u.Name == "default" {
				config.withoutDefaultUser = false
			}
		}
	}
	return config, nil
}

func clip(text string, limit int) string {
	if len(text) > limit {
		return text[:limit] + "..."
	}
	return text
}

func gunzip(data []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	unpacked, err := io.ReadAll(io.LimitReader(reader, unpackedLimit+1))
	if err == nil && len(unpacked) > unpackedLimit {
		err = fmt.Errorf("more than %d bytes", unpackedLimit)
	}
	return unpacked, err
}

// UnmarshalYAML reads a string or a list of scalars.
func (c *command) UnmarshalYAML(node *yaml.Node) error {
	switch node.Kind {
	case yaml.ScalarNode:
		c.line = node.Value
		return nil
	case yaml.SequenceNode:
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return typeError(item, "a word of a command must be a string")
			}
			c.words = append(c.words, item.Value)
		}
		return nil
	default:
		return typeError(node, "a command must be a string or a list of strings")
	}
}

// UnmarshalYAML reads a list of strings or one string.
func (w *words) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*w = words{node.Value}
		return nil
	}
	return node.Decode((*[]string)(w))
}

// UnmarshalYAML reads a user, or only its name.
func (u *user) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		u.Name = node.Value
		return nil
	}
	type plain user
	return node.Decode((*plain)(u))
}

// typeError is of yaml's own kind, after which yaml goes on with the rest of the document.
func typeError(node *yaml.Node, text string) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s", node.Line, text)}}
}

// bytes returns the file's content, decoded.
func (f file) bytes() ([]byte, error) {
	var packed, armoured bool
	switch strings.ToLower(strings.TrimSpace(f.Encoding)) {
	case "", "text/plain", "plain":
	case "b64", "base64":
		armoured = true
	case "gz", "gzip":
		packed = true
	case "gz+b64", "gz+base64", "gzip+b64", "gzip+base64":
		armoured, packed = true, true
	default:
		return nil, fmt.Errorf("unknown encoding %q", f.Encoding)
	}
	content := []byte(f.Content)
	var err error
	if armoured {
		content, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(f.Content), ""))
		if err != nil {
			return nil, err
		}
	}
	if packed {
		return gunzip(content)
	}
	return content, nil
}

func (f file) mode() (fs.FileMode, error) {
	if f.Permissions == "" {
		return 0o644, nil
	}
	mode, err := strconv.ParseUint(strings.TrimPrefix(f.Permissions, "0o"), 8, 12)
	if err != nil {
		return 0, errors.New("permissions must be octal, such as '0644'")
	}
	return fs.FileMode(mode) & fs.ModePerm, nil
}
