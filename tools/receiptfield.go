package tools

import (
	"encoding/json"
	"errors"
)

// receiptField reads the receipt of a saved answer.
func receiptField(b []byte) ([]byte, error) {
	var answer struct {
		Receipt string `json:"receipt"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, err
	}
	if answer.Receipt == "" {
		return nil, errors.New("there is no field receipt")
	}
	return []byte(answer.Receipt), nil
}
