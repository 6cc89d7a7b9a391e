// Starts Swagger UI on our own description. `validatorUrl: null` keeps it from asking swagger.io to
// judge the description; there is no other request that leaves the origin.

// @ts-expect-error the bundle is a classic script that sets this global; it has no types here
window.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
});
