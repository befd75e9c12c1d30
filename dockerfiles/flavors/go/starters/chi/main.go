// A web service with Chi.
package main

import (
	"cmp"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	router := chi.NewRouter()
	router.Use(middleware.Logger)
	router.Get("/", func(writer http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(writer, "Hello from Chi"); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.ListenAndServe(":"+cmp.Or(os.Getenv("PORT"), "3000"), router))
}
