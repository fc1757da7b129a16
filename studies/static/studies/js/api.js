// Calls the API as the logged-in user; problems come back as sentences with places.

export class ApiProblem extends Error {
  /**
   * @param {string} message
   * @param {{place: string, message: string}[]} errors
   * @param {number} status
   */
  constructor(message, errors, status) {
    super(message);
    this.errors = errors;
    this.status = status;
  }
}

/**
 * @param {string} method
 * @param {string} path below /api/v1/
 * @param {{body?: any, headers?: Object<string, string>, signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export async function call(method, path, { body, headers = {}, signal } = {}) {
  const send = { Accept: "application/json", ...headers };
  if (method !== "GET") send["X-CSRFToken"] = csrfToken();
  if (body !== undefined) send["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}`, {
      method,
      headers: send,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiProblem("The server cannot be reached. Check that it runs, then try again.", [], 0);
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw await problemOf(answer);
}

async function problemOf(answer) {
  let problem = {};
  try {
    problem = await answer.json();
  } catch {
    // Not from the API itself: a proxy, or a page for people.
  }
  const errors = Array.isArray(problem.errors) ? problem.errors : [];
  return new ApiProblem(sentence(problem, errors, answer.status), errors, answer.status);
}

function sentence(problem, errors, status) {
  if (status === 401) return "You are logged out. Log in again to go on.";
  const text = problem.detail || problem.title;
  if (typeof text === "string" && text) return text;
  if (errors.length) return errors.map((e) => e.message).join("; ");
  return `The server answered with an error (${status}). Try again; its log says more.`;
}

function csrfToken() {
  const meta = document.querySelector('meta[name="csrf-token"]');
  return meta?.getAttribute("content") ?? "";
}
