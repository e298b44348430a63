package emulator

import (
	"encoding/base64"
	"os"
	"path/filepath"
)

// maxUserData bounds user_data, as base64 (nova/api/validation/parameter_types.py).
const maxUserData = 65535

func decodeUserData(text string) ([]byte, error) {
	if len(text) > maxUserData {
		return nil, badRequest("Invalid input for field/attribute user_data. Value is too long (maximum %d)", maxUserData)
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, badRequest("Invalid input for field/attribute user_data. Value is not a 'base64'")
	}
	return data, nil
}

func (s *Server) serverDir(id string) string { return filepath.Join(s.opt.Dir, "servers", id) }

// saveUserData keeps the user-data, which holds secrets, in a file that only this process's user can read.
func (s *Server) saveUserData(id string, data []byte) error {
	if err := os.MkdirAll(s.serverDir(id), 0o700); err != nil {
		return err
	}
	return writeFile(filepath.Join(s.serverDir(id), "user_data"), data)
}
