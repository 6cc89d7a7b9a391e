// Goes to what an id names: an event, else a session.

import { ApiError, request, words } from '../lib/api.js';
import { splitPage } from '../lib/raw-json.js';
import { eventHref, eventPath, pathPart, sessionHref } from '../lib/route.js';
import { go } from './navigate.js';

/**
 * @param {string} id
 * @returns {Promise<string | null>} why it leads nowhere
 */
export async function goToId(id) {
  try {
    if (await isEvent(id)) go(eventHref(id));
    else if (splitPage(await request(`/sessions/${pathPart(id)}?limit=1`)).events.length > 0) go(sessionHref(id));
    else return `No event and no session has the id ${id}.`;
    return null;
  } catch (error) {
    return `The id could not be looked up: ${words(error)}`;
  }
}

/** @param {string} id */
async function isEvent(id) {
  try {
    await request(eventPath(id));
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // An id that several streams have is asked back on the event's page.
    if (error.streams.length > 0) return true;
    if (error.status === 404) return false;
    throw error;
  }
}
