// Starts the page of the documentation.
// Its own filter looks at tags alone; this one looks at what an operation is called, where it is and what it does.
const Filter = () => ({
  fn: {
    opsFilter: (tagged, phrase) => {
      const words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
      const matches = (tag) => (found) => {
        const operation = found.get("operation");
        const parts = [tag, found.get("method"), found.get("path"), operation.get("operationId"), operation.get("summary")];
        const text = parts.join(" ").toLowerCase();
        return words.every((word) => text.includes(word));
      };
      return tagged
        .map((group, tag) => group.update("operations", (operations) => operations.filter(matches(tag))))
        .filter((group) => group.get("operations").size > 0);
    },
  },
});
window.onload = () =>
  SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#ui",
    deepLinking: true,
    filter: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    persistAuthorization: false,
    plugins: [Filter],
  });
